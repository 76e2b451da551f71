"""What every KeyStore promises."""

import asyncio
from dataclasses import replace

import pytest

from adapters.dynamodb import DynamoKeyStore
from domain.errors import KeyChanged
from domain.keys import Key, KeyKind, KeyStore, Rate, Scope
from tests.builders import DAY, NOW
from tests.contracts.conftest import ENDPOINTS
from tests.doubles.memory import MemoryKeyStore

pytestmark = pytest.mark.anyio

SERVER = Key(
    key_id="000000000001",
    kind=KeyKind.SECRET,
    actor="mailing-tool",
    scopes=frozenset({Scope.AUDIENCE, Scope.RECORD}),
    origins=frozenset(),
    rate=Rate(per_second=5, burst=10),
    sha256=b"1" * 32,
    created_at=NOW,
)
BROWSER = replace(
    SERVER,
    key_id="000000000002",
    kind=KeyKind.PUBLISHABLE,
    scopes=frozenset({Scope.DECIDE}),
    origins=frozenset({"https://shop.example", "http://localhost:3000"}),
    expires_at=NOW + DAY,
)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("engine", marks=pytest.mark.engine),
        pytest.param("moto", marks=pytest.mark.full),
        *ENDPOINTS,
    ]
)
def store(request: pytest.FixtureRequest) -> KeyStore:
    if request.param == "memory":
        return MemoryKeyStore()
    name = {"engine": "client", "moto": "moto_client"}.get(request.param, "client")
    return DynamoKeyStore(request.getfixturevalue(name))


async def test_every_key_is_read_as_it_was_stored(store: KeyStore) -> None:
    assert await store.every() == []
    for key in (BROWSER, SERVER):
        await store.save(key)
    assert await store.every() == [SERVER, BROWSER]


async def test_a_change_is_in_every_later_reading(store: KeyStore) -> None:
    await store.save(SERVER)
    rotated = replace(
        SERVER, sha256=b"2" * 32, previous_sha256=b"1" * 32, previous_until=NOW + DAY, writes=2
    )
    await store.save(rotated)
    assert await store.every() == [rotated]
    revoked = replace(rotated, revoked_at=NOW, writes=3)
    await store.save(revoked)
    assert await store.every() == [revoked]


async def test_of_several_changes_of_one_state_exactly_one_wins(store: KeyStore) -> None:
    await store.save(SERVER)
    changes = [replace(SERVER, sha256=bytes([n]) * 32, writes=2) for n in range(4)]
    outcomes = await asyncio.gather(*map(store.save, changes), return_exceptions=True)
    won = [change for change, outcome in zip(changes, outcomes, strict=True) if outcome is None]
    assert [type(each) for each in outcomes if each is not None] == [KeyChanged] * 3
    assert await store.every() == won


async def test_an_id_that_is_taken_is_not_given_to_another_key(store: KeyStore) -> None:
    await store.save(SERVER)
    with pytest.raises(KeyChanged):
        await store.save(replace(SERVER, sha256=b"3" * 32))
    assert await store.every() == [SERVER]


async def test_the_day_of_the_last_use_never_goes_back(store: KeyStore) -> None:
    await store.save(SERVER)
    for day in (20_000, 20_002, 20_001):
        await store.mark_used(SERVER.key_id, day)
    revoked = replace(SERVER, revoked_at=NOW, writes=2)
    await store.save(revoked)
    assert await store.every() == [replace(revoked, last_used=20_002)]


async def test_the_use_of_an_unknown_key_leaves_nothing(store: KeyStore) -> None:
    await store.mark_used("000000000009", 20_000)
    assert await store.every() == []
