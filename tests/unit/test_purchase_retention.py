"""How long purchases are kept: what is taken, what may be asked for, what is dropped."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.purchases import RecordPurchases
from domain.retention import FOR_EVER, SLACK_DAYS, PurchaseRetention, Retention
from domain.values import Window
from tests.builders import DAY, NOW, USD, a_purchase, missing, raw_of
from tests.doubles.store import ReferenceStore

YEAR = PurchaseRetention(365)


def test_for_ever_takes_and_keeps_everything() -> None:
    assert FOR_EVER.taken_after(NOW) == -1
    FOR_EVER.check(-1, now=NOW)
    assert FOR_EVER.expires(0) is None


@given(days=st.integers(1, 36_500), age=st.integers(0, 40_000 * DAY), late=st.integers(0, DAY - 1))
def test_what_may_be_asked_for_is_not_dropped_meanwhile(days: int, age: int, late: int) -> None:
    retention, purchased_at = PurchaseRetention(days), NOW - age
    expires = retention.expires(purchased_at)
    assert expires is not None
    if purchased_at > retention.known_after(NOW):
        assert expires > NOW + late
    if expires <= NOW:
        assert purchased_at <= retention.taken_after(NOW - late)  # and so is not taken again


def test_nobody_can_ask_back_beyond_it() -> None:
    YEAR.check(NOW - 366 * DAY, now=NOW)
    with pytest.raises(InvalidRequest) as caught:
        YEAR.check(NOW - 366 * DAY - 1, now=NOW)
    assert caught.value.field == "as_of"
    assert not missing(caught.value.reason, 365)


@pytest.mark.parametrize(
    ("age_us", "outcome"), [(365 * DAY - 1, "recorded"), (365 * DAY, "rejected")]
)
def test_a_purchase_older_than_it_is_rejected_with_the_reason(age_us: int, outcome: str) -> None:
    recorder = ReferenceStore()
    record = RecordPurchases(recorder=recorder, clock=lambda: NOW, currency=USD, retention=YEAR)
    (answer,) = asyncio.run(record([raw_of(a_purchase(purchased_at=NOW - age_us))]))
    assert answer.outcome == outcome
    if outcome == "rejected":
        assert answer.field == "purchased_at"
        assert not missing(answer.reason, 365)
        assert recorder.purchases == {}


def test_purchases_are_kept_for_longer_than_recent_ones() -> None:
    window, least = Window.days(30), 30 + SLACK_DAYS + 1
    kept = PurchaseRetention(least)
    assert Retention.covering(window, kept) == Retention(30 + SLACK_DAYS, kept)
    with pytest.raises(ValueError) as caught:
        Retention.covering(window, PurchaseRetention(least - 1))
    assert not missing(caught.value, window, least - 1)
