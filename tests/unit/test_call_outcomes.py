"""What became of a call, by what DynamoDB or the network said."""

import asyncio

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from adapters.dynamodb.wire.errors import call_outcome
from domain.store_calls import CallOutcome


def answered(code: str, **more: object) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, **more}, "PutItem")


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    return answered("TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize(
    ("exc", "outcome"),
    [
        (answered("ThrottlingException"), CallOutcome.THROTTLED),
        (answered("ProvisionedThroughputExceededException"), CallOutcome.THROTTLED),
        (answered("RequestLimitExceeded"), CallOutcome.THROTTLED),
        (answered("ConditionalCheckFailedException"), CallOutcome.CONDITION_FAILED),
        (answered("TransactionConflictException"), CallOutcome.CONFLICT),
        (answered("InternalServerError"), CallOutcome.REFUSED),
        (answered("AccessDeniedException"), CallOutcome.REFUSED),
        (cancelled("None", "ConditionalCheckFailed"), CallOutcome.CONDITION_FAILED),
        (cancelled("TransactionConflict", "None"), CallOutcome.CONFLICT),
        (cancelled("ConditionalCheckFailed", "ThrottlingError"), CallOutcome.THROTTLED),
        (ReadTimeoutError(endpoint_url="http://x"), CallOutcome.SILENT),
        (EndpointConnectionError(endpoint_url="http://x"), CallOutcome.SILENT),
        (TimeoutError(), CallOutcome.SILENT),
        (asyncio.CancelledError(), CallOutcome.SILENT),
    ],
)
def test_what_was_said_is_one_outcome(exc: BaseException, outcome: CallOutcome) -> None:
    assert call_outcome(exc) is outcome
