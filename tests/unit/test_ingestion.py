import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CorruptRecord, PartlyRecorded, StoreUnavailable
from domain.purchases import (
    MAX_PURCHASE_ID_BYTES,
    Conventions,
    Outcome,
    Purchase,
    PurchaseOutcome,
    Recording,
    RecordPurchases,
)
from domain.purchases.conventions import STRICT
from tests.builders import NOW, USD, a_history, a_purchase, missing, raw_of, raw_purchase
from tests.doubles.store import Call, ReferenceStore, no_trouble, silent_store
from tests.strategies import junk_purchases


def record(
    recorder: ReferenceStore,
    *raw: object,
    conventions: Conventions = STRICT,
    concurrent_customers: int = 16,
) -> list[PurchaseOutcome]:
    service = RecordPurchases(
        recorder=recorder,
        clock=lambda: NOW,
        currency=USD,
        concurrent_customers=concurrent_customers,
    )
    return asyncio.run(service(raw, conventions=conventions))


def kinds(outcomes: Sequence[PurchaseOutcome]) -> list[str]:
    return [outcome.outcome.value for outcome in outcomes]


def test_a_new_purchase_is_recorded() -> None:
    recorder = ReferenceStore()
    assert record(recorder, raw_purchase()) == [
        PurchaseOutcome(position=0, outcome=Outcome.RECORDED, purchase_id="purchase-1")
    ]
    assert list(recorder.purchases.values()) == [a_purchase()]


def test_no_purchases_have_no_outcomes() -> None:
    recorder = ReferenceStore()
    assert record(recorder) == []
    assert recorder.calls == []


def test_the_same_purchase_again_is_a_duplicate() -> None:
    recorder = ReferenceStore([a_purchase()])
    assert kinds(record(recorder, raw_purchase())) == ["duplicate"]


def test_another_payload_under_a_stored_id_is_a_conflict_and_changes_nothing() -> None:
    recorder = ReferenceStore([a_purchase()])
    (outcome,) = record(recorder, raw_purchase(amount_minor=1))
    assert (outcome.outcome, outcome.field) == (Outcome.CONFLICT, "purchase_id")
    assert outcome.reason
    assert list(recorder.purchases.values()) == [a_purchase()]


def test_the_same_purchase_twice_in_one_call_is_recorded_once() -> None:
    recorder = ReferenceStore()
    assert kinds(record(recorder, raw_purchase(), raw_purchase())) == ["recorded", "duplicate"]
    assert recorder.recorded == [[a_purchase()]]


def test_two_payloads_under_one_id_in_one_call_are_a_conflict_and_the_first_stays() -> None:
    recorder = ReferenceStore()
    outcomes = record(recorder, raw_purchase(), raw_purchase(amount_minor=1), raw_purchase())
    assert kinds(outcomes) == ["recorded", "conflict", "duplicate"]
    assert list(recorder.purchases.values()) == [a_purchase()]


def test_a_payload_repeated_in_one_call_conflicts_as_often_as_it_is_sent() -> None:
    recorder = ReferenceStore([a_purchase()])
    other = raw_purchase(amount_minor=1)
    assert kinds(record(recorder, other, other)) == ["conflict", "conflict"]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([1, 1250], ["conflict", "duplicate"]),
        ([1, 2, 1250, 3], ["conflict", "conflict", "duplicate", "conflict"]),
        ([1, 1250, 1, 1250], ["conflict", "duplicate", "conflict", "duplicate"]),
        ([1250, 1, 1250], ["duplicate", "conflict", "duplicate"]),
    ],
)
def test_a_rival_sent_before_the_stored_payload_does_not_hide_it(
    amounts: list[int], expected: list[str]
) -> None:
    recorder = ReferenceStore([a_purchase(amount_minor=1250)])
    outcomes = record(recorder, *(raw_purchase(amount_minor=amount) for amount in amounts))
    assert kinds(outcomes) == expected
    assert list(recorder.purchases.values()) == [a_purchase(amount_minor=1250)]


def test_rivals_cost_the_other_purchases_of_the_customer_no_further_calls() -> None:
    stored = a_purchase(purchase_id="taken")
    recorder = ReferenceStore([stored])
    rival = replace(stored, amount_minor=1)
    record(recorder, *map(raw_of, [rival, a_purchase(), stored, a_purchase(purchase_id="new")]))
    assert [[sent.purchase_id for sent in call] for call in recorder.recorded] == [
        ["taken", "purchase-1", "new"],
        ["taken"],
    ]


def test_two_customers_may_use_the_same_purchase_id() -> None:
    recorder = ReferenceStore()
    raw = [raw_purchase(), raw_purchase(customer_id="customer-2")]
    assert kinds(record(recorder, *raw)) == ["recorded", "recorded"]


def test_a_bad_purchase_is_refused_by_field_and_the_good_ones_are_written() -> None:
    recorder = ReferenceStore()
    good, bad = raw_purchase(), raw_purchase(purchase_id="purchase-2", amount_minor=-1)
    outcomes = record(recorder, bad, good, "junk", raw_purchase(purchase_id=7))
    assert kinds(outcomes) == ["rejected", "recorded", "rejected", "rejected"]
    assert [outcome.position for outcome in outcomes] == [0, 1, 2, 3]
    assert [outcome.field for outcome in outcomes] == [
        "amount_minor",
        None,
        "purchase",
        "purchase_id",
    ]
    assert [outcome.purchase_id for outcome in outcomes] == ["purchase-2", "purchase-1", None, None]
    assert [bool(outcome.reason) for outcome in outcomes] == [True, False, True, True]
    assert list(recorder.purchases.values()) == [a_purchase()]


def test_a_refused_purchase_is_named_whatever_mapping_it_came_in_and_however_long_its_id() -> None:
    raw = [MappingProxyType(raw_purchase(amount_minor=-1)), raw_purchase(purchase_id="x" * 10_000)]
    outcomes = record(ReferenceStore(), *raw)
    assert kinds(outcomes) == ["rejected", "rejected"]
    assert [outcome.purchase_id for outcome in outcomes] == [
        "purchase-1",
        "x" * MAX_PURCHASE_ID_BYTES,
    ]


def test_the_purchases_of_one_customer_go_to_the_store_together() -> None:
    recorder = ReferenceStore()
    ours = a_history(NOW - 3, NOW - 2)
    theirs = a_history(NOW - 1, customer_id="customer-2")
    record(recorder, *map(raw_of, [ours[0], theirs[0], ours[1]]))
    assert sorted(recorder.recorded, key=len) == [theirs, ours]


@pytest.mark.parametrize(("most", "busiest"), [(1, 1), (3, 3), (99, 20)])
def test_no_more_customers_are_written_at_once_than_allowed(most: int, busiest: int) -> None:
    recorder = ReferenceStore()
    raw = [raw_purchase(customer_id=f"customer-{number}") for number in range(20)]
    assert kinds(record(recorder, *raw, concurrent_customers=most)) == ["recorded"] * 20
    assert recorder.busiest_of["record"] == busiest


def test_a_missing_currency_is_taken_only_where_that_was_agreed() -> None:
    raw = raw_purchase(currency=None)
    assert kinds(record(ReferenceStore(), raw)) == ["rejected"]
    assert kinds(record(ReferenceStore(), raw, conventions=Conventions(default_currency=True))) == [
        "recorded"
    ]


def test_silence_about_one_customer_leaves_the_outcomes_of_the_others_known() -> None:
    recorder = silent_store("customer-2")
    bad = raw_purchase(amount_minor=-1)
    raw = [raw_purchase(customer_id="customer-2"), raw_purchase(), bad]
    with pytest.raises(PartlyRecorded) as caught:
        record(recorder, *raw)
    assert not missing(caught.value, 1, 3)
    unanswered, *known = caught.value.outcomes
    assert unanswered is None
    assert [known_one.outcome for known_one in known if isinstance(known_one, PurchaseOutcome)] == [
        Outcome.RECORDED,
        Outcome.REJECTED,
    ]
    assert isinstance(caught.value.__cause__, StoreUnavailable)


def test_once_the_store_is_silent_no_further_customer_is_begun() -> None:
    customers = [f"customer-{number}" for number in range(20)]
    recorder = silent_store(*customers)
    raw = [raw_purchase(customer_id=customer) for customer in customers]
    with pytest.raises(PartlyRecorded) as caught:
        record(recorder, *raw, concurrent_customers=3)
    assert list(caught.value.outcomes) == [None] * 20
    assert len(recorder.calls) == 3


class Breaks(ReferenceStore):
    """One customer's call fails for a reason that nobody expects, the others never end."""

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        await super().record(purchases)
        if purchases[0].customer_id == "broken":
            raise CorruptRecord("a human must look") from KeyError("fingerprint")
        self.busy["hung"] += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.busy["hung"] -= 1
        raise AssertionError


def test_an_unexpected_error_comes_as_it_is_and_leaves_nothing_running_behind() -> None:
    recorder = Breaks()
    service = RecordPurchases(recorder=recorder, clock=lambda: NOW, currency=USD)
    raw = [raw_purchase(customer_id=name) for name in ("one", "broken", "two")]

    async def call() -> int:
        with pytest.raises(CorruptRecord, match="a human must look") as caught:
            await service(raw)
        assert isinstance(caught.value.__cause__, KeyError)
        return recorder.busy.total()

    assert asyncio.run(call()) == 0


def test_how_many_are_answered_is_told_at_once_for_the_rejected_then_for_each_customer() -> None:
    told: list[int] = []
    service = RecordPurchases(recorder=silent_store("silent"), clock=lambda: NOW, currency=USD)
    names = ["one", "two", "silent", "two"]
    raw = [raw_purchase(customer_id=name, purchase_id=f"{n}") for n, name in enumerate(names)]
    with pytest.raises(PartlyRecorded):
        asyncio.run(service([*raw, "junk", "junk"], on_answered=told.append))
    assert told == [2, 3, 5]


def test_sending_everything_again_after_silence_ends_with_each_purchase_once() -> None:
    recorder = silent_store("customer-2")
    raw = [raw_purchase(customer_id="customer-2"), raw_purchase()]
    with pytest.raises(PartlyRecorded):
        record(recorder, *raw)
    recorder.refuse = no_trouble
    assert kinds(record(recorder, *raw)) == ["recorded", "duplicate"]
    assert len(recorder.purchases) == 2


few_payloads = st.builds(
    a_purchase,
    customer_id=st.sampled_from(["customer-1", "customer-2"]),
    purchase_id=st.sampled_from(["1", "2"]),
    amount_minor=st.integers(1, 4),
)
calls = st.lists(few_payloads, max_size=6)
stores = st.lists(few_payloads, max_size=3)


@given(stores, st.lists(st.one_of(few_payloads.map(raw_of), junk_purchases), max_size=6))
def test_one_call_ends_as_one_call_per_purchase_would(
    stored: list[Purchase], sent: list[object]
) -> None:
    together, apart = ReferenceStore(stored), ReferenceStore(stored)
    one_by_one = [
        replace(outcome, position=position)
        for position, raw in enumerate(sent)
        for outcome in record(apart, raw)
    ]
    assert record(together, *sent) == one_by_one
    assert together.purchases == apart.purchases


def falling_silent(store: ReferenceStore, *, answers: int) -> ReferenceStore:
    """The store, which answers so many calls, then none."""

    def trouble(_call: Call) -> None:
        if len(store.calls) > answers:
            raise StoreUnavailable("fell silent")

    store.refuse = trouble
    return store


def known_after(recorder: ReferenceStore, raw: Sequence[object]) -> list[PurchaseOutcome]:
    """The outcomes that one call gave, whether or not it was answered completely."""
    try:
        outcomes: Sequence[object | None] = record(recorder, *raw)
    except PartlyRecorded as exc:
        outcomes = exc.outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, PurchaseOutcome)]


@given(stores, calls, st.integers(0, 4))
def test_whenever_the_store_falls_silent_sending_again_ends_as_if_it_had_not(
    stored: list[Purchase], sent: list[Purchase], answers: int
) -> None:
    raw = [raw_of(purchase) for purchase in sent]
    steady = ReferenceStore(stored)
    recorder = falling_silent(ReferenceStore(stored), answers=answers)
    expected = record(steady, *raw)
    known = known_after(recorder, raw)
    assert known == [expected[outcome.position] for outcome in known]
    recorder.refuse = no_trouble
    again = kinds(record(recorder, *raw))
    assert [kind.replace("recorded", "duplicate") for kind in again] == [
        kind.replace("recorded", "duplicate") for kind in kinds(expected)
    ]
    assert recorder.purchases == steady.purchases


@given(stores, calls)
def test_sending_a_call_again_changes_nothing(stored: list[Purchase], sent: list[Purchase]) -> None:
    recorder = ReferenceStore(stored)
    first = kinds(record(recorder, *map(raw_of, sent)))
    settled = dict(recorder.purchases)
    again = kinds(record(recorder, *map(raw_of, sent)))
    assert again == ["duplicate" if kind == "recorded" else kind for kind in first]
    assert recorder.purchases == settled


@given(st.lists(junk_purchases, max_size=5))
def test_every_purchase_sent_has_exactly_one_outcome_in_order(raw: list[object]) -> None:
    recorder = ReferenceStore()
    outcomes = record(recorder, *raw, raw_purchase(customer_id="good"))
    assert [outcome.position for outcome in outcomes] == list(range(len(raw) + 1))
    assert outcomes[-1].outcome is Outcome.RECORDED
    for outcome in outcomes:
        assert (outcome.outcome is Outcome.REJECTED) == (outcome.reason is not None)
