"""What a person is told where AWS refuses: what it is, what AWS said, and what to look at."""

import pytest

from adapters.dynamodb import DynamoClient
from domain.errors import StoreUnavailable
from tests.builders import missing
from tests.contracts.conftest import dynamo_store
from tests.integration.faults import error, injected

pytestmark = [pytest.mark.anyio, pytest.mark.engine]


@pytest.mark.parametrize(
    ("code", "message", "facts"),
    [
        (
            "InvalidSignatureException",
            "Signature expired: 20261127T100000Z is now earlier than 20261127T110000Z (...)",
            ["clock", "PROPENSITY_REGION", "key", "20261127T100000Z", "20261127T110000Z"],
        ),
        ("InvalidSignatureException", "The signature we calculated differs", ["clock"]),
        (
            "AccessDeniedException",
            (
                "User: arn:aws:iam::111122223333:user/x is not authorized to perform: dynamodb:GetItem "
                "on resource: arn:aws:dynamodb:eu-west-1:111122223333:table/recent_purchases"
            ),
            ["policy", "dynamodb:GetItem"],
        ),
    ],
)
async def test_a_refusal_says_what_aws_said_and_names_no_account(
    client: DynamoClient, code: str, message: str, facts: list[str]
) -> None:
    store = dynamo_store(client)
    await store.recent.one("warm")
    with (
        injected(client, "GetItem", error(code, message=message)),
        pytest.raises(StoreUnavailable) as caught,
    ):
        await store.recent.one("customer-1")
    assert not missing(caught.value, code, *facts)
    assert "111122223333" not in str(caught.value)
