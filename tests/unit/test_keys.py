"""Keys: what may be created, and what a keyring lets through."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest, KeyEnded, StoreUnavailable, Unauthenticated, UnknownKey
from domain.keys import KeyKind, Keyring, KeyWanted, ManageKeys, Scope
from domain.values import MICROS_PER_SECOND, day_of
from tests.builders import DAY, NOW
from tests.doubles.memory import ManualClock, MemoryKeyStore

SHOP = "https://shop.example"


@dataclass
class House:
    """A store of keys, and one process that holds them."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    store: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    seconds: float = 100.0

    def __post_init__(self) -> None:
        self.manage = ManageKeys(store=self.store, clock=self.clock)
        self.keyring = Keyring(clock=self.clock, monotonic=lambda: self.seconds)
        self.poll()

    def poll(self) -> None:
        self.keyring.replace(asyncio.run(self.store.every()), asked_at=self.seconds)

    def create(self, *scopes: Scope, days: int | None = None) -> tuple[str, str]:
        wanted = KeyWanted(actor="mailing-tool", scopes=frozenset(scopes), days=days)
        issued = asyncio.run(self.manage.create(wanted))
        self.poll()
        return issued.key.key_id, issued.secret

    def refusal(self, secret: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            self.keyring.holder_of(secret)
        return str(refused.value)


def test_a_key_is_known_by_its_secret_and_by_nothing_else() -> None:
    house = House()
    key_id, secret = house.create(Scope.PREDICT)
    other_id, other = house.create(Scope.AUDIENCE)
    assert house.keyring.holder_of(secret).key_id == key_id
    assert house.keyring.holder_of(other).scopes == {Scope.AUDIENCE}
    for wrong in ("", secret[:-1], secret + "0", secret.replace(key_id, other_id), secret.upper()):
        assert "not known" in house.refusal(wrong)


@given(st.text(max_size=80))
def test_no_text_is_taken_for_a_key(text: str) -> None:
    house = House()
    house.refusal(text)


def test_no_secret_is_stored_or_shown() -> None:
    house = House()
    issued = asyncio.run(
        house.manage.create(KeyWanted(actor="shop", scopes=frozenset({Scope.RECORD})))
    )
    assert issued.secret.startswith("pp_sk_")
    assert issued.secret not in repr(issued)
    assert issued.secret.rpartition("_")[2] not in repr(asyncio.run(house.store.every()))


def test_a_revoked_key_allows_nothing_from_the_next_reading_on() -> None:
    house = House()
    key_id, secret = house.create(Scope.PREDICT)
    revoked = asyncio.run(house.manage.revoke(key_id))
    assert revoked.revoked_at == NOW
    house.keyring.holder_of(secret)
    house.poll()
    assert "revoked" in house.refusal(secret)
    assert asyncio.run(house.manage.revoke(key_id)) == revoked
    with pytest.raises(KeyEnded, match="revoked"):
        asyncio.run(house.manage.rotate(key_id, overlap_s=0))


def test_keys_that_could_not_be_read_for_too_long_allow_nothing() -> None:
    house = House()
    _, secret = house.create(Scope.PREDICT)
    house.seconds += 9.9
    house.keyring.holder_of(secret)
    house.seconds += 0.2
    with pytest.raises(StoreUnavailable):
        house.keyring.holder_of(secret)
    with pytest.raises(StoreUnavailable):
        _ = house.keyring.holds_none
    with pytest.raises(StoreUnavailable):
        Keyring(clock=house.clock, monotonic=lambda: 0.0).holder_of(secret)


def test_an_expired_key_allows_nothing() -> None:
    house = House()
    _, secret = house.create(Scope.PREDICT, days=1)
    house.clock.now = NOW + DAY - 1
    house.keyring.holder_of(secret)
    house.clock.now = NOW + DAY
    assert "expired" in house.refusal(secret)


def test_after_a_rotation_both_secrets_hold_until_the_overlap_is_over() -> None:
    house = House()
    key_id, first = house.create(Scope.PREDICT)
    second = asyncio.run(house.manage.rotate(key_id, overlap_s=60)).secret
    house.poll()
    assert {house.keyring.holder_of(each).key_id for each in (first, second)} == {key_id}
    house.clock.now = NOW + 60 * MICROS_PER_SECOND
    assert "rotated" in house.refusal(first)
    house.keyring.holder_of(second)
    third = asyncio.run(house.manage.rotate(key_id, overlap_s=60)).secret
    house.poll()
    assert "not known" in house.refusal(first)
    assert house.keyring.holder_of(second).key_id == house.keyring.holder_of(third).key_id


def test_a_use_is_told_once_a_day() -> None:
    house = House()
    key_id, secret = house.create(Scope.PREDICT)
    for _ in range(3):
        house.keyring.holder_of(secret)
    today = day_of(NOW)
    assert house.keyring.take_used() == {key_id: today}
    asyncio.run(house.store.mark_used(key_id, today))
    house.poll()
    house.keyring.holder_of(secret)
    assert house.keyring.take_used() == {}
    house.clock.now += DAY
    house.keyring.holder_of(secret)
    assert house.keyring.take_used() == {key_id: today + 1}


def test_a_publishable_key_may_decide_for_named_pages_and_nothing_else() -> None:
    house = House()
    wanted = KeyWanted(
        actor="shop",
        kind=KeyKind.PUBLISHABLE,
        scopes=frozenset({Scope.DECIDE}),
        origins=frozenset({SHOP}),
    )
    issued = asyncio.run(house.manage.create(wanted))
    house.poll()
    assert issued.secret.startswith("pp_pk_")
    assert house.keyring.origins == {SHOP}
    asyncio.run(house.manage.revoke(issued.key.key_id))
    house.poll()
    assert house.keyring.origins == frozenset()


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.DECIDE])
def test_a_publishable_key_gets_no_other_scope(scope: Scope) -> None:
    for scopes in ({scope}, {scope, Scope.DECIDE}):
        with pytest.raises(InvalidRequest, match="scopes"):
            KeyWanted(
                actor="shop",
                kind=KeyKind.PUBLISHABLE,
                scopes=frozenset(scopes),
                origins=frozenset({SHOP}),
            )


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "shop.example", "https://", "https://shop.example/", "https://Shop.example"),
        *("https://shop.example:443", "http://shop.example:80", "https://a@shop.example"),
        *("https://shop.example:", "https://shop.example:99999", "ftp://shop.example", ""),
        *("https://shop.example?x", "https://bücher.example"),
    ],
)
def test_an_origin_is_what_a_browser_sends(origin: str) -> None:
    with pytest.raises(InvalidRequest, match="origins"):
        KeyWanted(
            actor="shop",
            kind=KeyKind.PUBLISHABLE,
            scopes=frozenset({Scope.DECIDE}),
            origins=frozenset({origin}),
        )


def test_what_makes_no_key_is_refused() -> None:
    everything = frozenset(Scope)
    with pytest.raises(InvalidRequest, match="actor"):
        KeyWanted(actor="a person@", scopes=everything)
    with pytest.raises(InvalidRequest, match="scopes"):
        KeyWanted(actor="a", scopes=frozenset())
    with pytest.raises(InvalidRequest, match="origins"):
        KeyWanted(actor="a", scopes=everything, origins=frozenset({SHOP}))
    with pytest.raises(InvalidRequest, match="days"):
        KeyWanted(actor="a", scopes=everything, days=0)
    manage = House().manage
    with pytest.raises(UnknownKey):
        asyncio.run(manage.revoke("000000000000"))
    with pytest.raises(InvalidRequest, match="overlap"):
        asyncio.run(manage.rotate("000000000000", overlap_s=-1))
