import base64
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from api.http import Cursors
from api.http.cursor import CursorState, fingerprint
from api.process import load_settings
from domain.categories import Position
from domain.errors import InvalidRequest, Rejected
from domain.prediction import Traffic
from domain.values import MICROS_PER_SECOND
from tests.builders import NOW, a_traffic, missing
from tests.doubles.memory import ManualClock
from tests.fakes import SaturatingScorer

MODEL = a_traffic(SaturatingScorer(), version=7)
ASKED = fingerprint("jewellery", 0.0, 1.0)
PLACE = CursorState(ASKED, NOW, MODEL.name, MODEL.label, 3, "customer-7")
TTL_S = 60


def cursors(key: str | None = None, *, clock: ManualClock | None = None) -> Cursors:
    return Cursors(key, ttl_s=TTL_S, clock=clock or ManualClock(NOW))


def refusal(sealer: Cursors, cursor: str, *, selection: bytes = ASKED) -> str:
    with pytest.raises(InvalidRequest) as caught:
        sealer.open(cursor, selection=selection, traffic=MODEL)
    assert caught.value.field == "cursor"
    return caught.value.reason


@given(shard=st.integers(0, 1_000), after=st.none() | st.text(max_size=64), at=st.integers(0, NOW))
def test_a_cursor_opens_to_the_place_that_was_sealed(
    shard: int, after: str | None, at: int
) -> None:
    sealer = cursors()
    place = CursorState(ASKED, at, MODEL.name, MODEL.label).at(Position(shard, after))
    opened = sealer.open(sealer.seal(place), selection=ASKED, traffic=MODEL)
    assert opened == place
    assert opened.position == Position(shard, after)


def test_a_cursor_hides_what_is_in_it() -> None:
    cursor = cursors().seal(PLACE)
    for readable in (cursor.encode(), base64.urlsafe_b64decode(cursor)):
        for secret in (b"customer", b"propensity", ASKED, ASKED.hex().encode()):
            assert secret not in readable


def test_the_same_place_gives_another_cursor_each_time() -> None:
    sealer = cursors()
    assert sealer.seal(PLACE) != sealer.seal(PLACE)


@given(data=st.data())
def test_a_cursor_with_any_byte_changed_is_refused(data: st.DataObject) -> None:
    sealer = cursors()
    token = bytearray(base64.urlsafe_b64decode(sealer.seal(PLACE)))
    token[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))
    assert refusal(sealer, base64.urlsafe_b64encode(token).decode())


@given(st.text() | st.binary(max_size=64).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_whatever_is_no_cursor_is_refused(text: str) -> None:
    assert refusal(cursors(), text)


def test_something_else_sealed_with_the_same_key_is_no_cursor() -> None:
    key = Fernet.generate_key()
    other = Fernet(key).encrypt_at_time(msgspec.msgpack.encode({"shard": 3}), 0).decode()
    sealer = cursors(key.decode(), clock=ManualClock(0))
    assert refusal(sealer, other)


@pytest.mark.parametrize(("age_s", "opens"), [(0, True), (TTL_S, True), (TTL_S + 1, False)])
def test_a_cursor_expires(age_s: int, opens: bool) -> None:
    clock = ManualClock(NOW)
    sealer = cursors(clock=clock)
    cursor = sealer.seal(PLACE)
    clock.now += age_s * MICROS_PER_SECOND
    if opens:
        assert sealer.open(cursor, selection=ASKED, traffic=MODEL) == PLACE
    else:
        assert not missing(refusal(sealer, cursor), TTL_S)


def test_a_cursor_of_another_question_is_refused() -> None:
    sealer = cursors()
    cursor = sealer.seal(PLACE)
    assert refusal(sealer, cursor, selection=fingerprint("jewellery", 0.5, 1.0))
    assert sealer.open(cursor, selection=ASKED, traffic=MODEL) == PLACE


@pytest.mark.parametrize(
    ("other", "facts"),
    [
        (a_traffic(SaturatingScorer(), version=8), ["7", "propensity", "8"]),
        (Traffic(champion=replace(MODEL.champion, name="uplift")), ["7", "propensity", "uplift"]),
    ],
)
def test_a_cursor_ends_when_the_champion_changes(other: Traffic, facts: list[str]) -> None:
    sealer = cursors()
    with pytest.raises(InvalidRequest) as caught:
        sealer.open(sealer.seal(PLACE), selection=ASKED, traffic=other)
    assert caught.value.field == "cursor"
    assert not missing(caught.value.reason, *facts)


def test_processes_that_share_a_key_open_each_others_cursors() -> None:
    key = Fernet.generate_key().decode()
    assert cursors(key).open(cursors(key).seal(PLACE), selection=ASKED, traffic=MODEL) == PLACE


def test_without_a_key_a_cursor_ends_with_its_process() -> None:
    assert refusal(cursors(), cursors().seal(PLACE))


@given(st.lists(st.text() | st.floats(allow_nan=False), max_size=3), st.lists(st.text()))
def test_questions_have_the_same_fingerprint_only_if_they_are_the_same(
    one: list[object], other: list[object]
) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


@pytest.mark.usefixtures("home")
def test_a_key_in_the_settings_is_checked_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_CURSOR_KEY", "hunter2")
    with pytest.raises(Rejected, match="PROPENSITY_CURSOR_KEY") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.standard_b64encode])
def test_both_alphabets_of_base64_give_a_key(
    monkeypatch: pytest.MonkeyPatch, encode: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setenv("PROPENSITY_CURSOR_KEY", encode(b"\xfb\xff" * 16).decode())
    key = load_settings().cursor_key
    assert key is not None
    sealer = cursors(key.value)
    assert sealer.open(sealer.seal(PLACE), selection=ASKED, traffic=MODEL) == PLACE


@pytest.mark.usefixtures("home")
def test_a_key_needs_no_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_CURSOR_KEY", "9" * 43)  # as AWS Secrets Manager generates it
    key = load_settings().cursor_key
    assert key is not None
    sealer, padded = cursors(key.value), cursors(key.value + "=")
    assert padded.open(sealer.seal(PLACE), selection=ASKED, traffic=MODEL) == PLACE


def test_while_keys_are_rotated_each_opens_what_any_server_seals() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    both = [cursors(f"{old},{new}"), cursors(f"{new},{old}")]
    for sealer in (*both, cursors(old), cursors(new.rstrip("="))):
        for opener in both:
            assert opener.open(sealer.seal(PLACE), selection=ASKED, traffic=MODEL) == PLACE
    assert refusal(cursors(old), both[1].seal(PLACE))
    assert refusal(cursors(new), both[0].seal(PLACE))


def test_of_several_keys_each_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key().decode()
    for wrong in (f"{key},", f"{key},hunter2", f",{key}"):
        monkeypatch.setenv("PROPENSITY_CURSOR_KEY", wrong)
        with pytest.raises(Rejected, match="PROPENSITY_CURSOR_KEY"):
            load_settings()
    monkeypatch.setenv("PROPENSITY_CURSOR_KEY", f"{key},{key}")
    assert load_settings().cursor_key is not None
