"""Keys as other releases stored them."""

import asyncio
from typing import Any

import pytest

from adapters.dynamodb import DynamoClient, DynamoKeyStore
from domain.keys import Scope
from tests.contracts.test_key_store import SERVER

pytestmark = pytest.mark.engine


def test_a_scope_that_is_no_more_opens_nothing_and_hides_no_key(client: DynamoClient) -> None:
    store = DynamoKeyStore(client)
    asyncio.run(store.save(SERVER))
    model: Any = client.keys
    for scopes, found in (
        ({"metrics", "record"}, frozenset({Scope.RECORD})),
        ({"metrics"}, frozenset[Scope]()),
    ):
        model(SERVER.key_id).update(actions=[model.scopes.set(scopes)])
        (key,) = asyncio.run(store.every())
        assert (key.key_id, key.scopes) == (SERVER.key_id, found)
