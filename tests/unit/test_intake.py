"""Take in: one outcome per item, in order, whatever its neighbours are."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PartlyRecorded, StoreUnavailable
from domain.purchases import (
    Cancelling,
    Item,
    Outcome,
    PurchaseOutcome,
    RawCancellation,
    RawPurchase,
    Unreadable,
)
from tests.builders import raw_purchase, take_in
from tests.doubles.store import ReferenceStore, silent_store

GOOD = RawPurchase(raw_purchase())
BAD = RawPurchase(raw_purchase(amount_minor=-1))
NEITHER = Unreadable("{", "body", "is not JSON")
CANCELLATION = RawCancellation("customer-1", "purchase-9", {})
ILL_NAMED = RawCancellation("customer-1", " ", {})
ITEMS: dict[str, Item] = {
    "recorded": GOOD,
    "rejected": BAD,
    "neither": NEITHER,
    "cancelled": CANCELLATION,
    "ill named": ILL_NAMED,
}


class Canceller:
    """Answers as it is told to, and remembers whom it was asked to cancel."""

    def __init__(self, *answers: Cancelling | StoreUnavailable) -> None:
        self.answers, self.ids = list(answers), [("", "")][:0]

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        self.ids.append((customer_id, purchase_id))
        answer = self.answers.pop(0) if self.answers else Cancelling.CANCELLED
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer


def taken(
    *items: Item,
    recorder: ReferenceStore | None = None,
    canceller: Canceller | None = None,
    max_items: int | None = None,
    stops_at_silence: bool = False,
) -> list[PurchaseOutcome]:
    use_case = take_in(
        recorder or ReferenceStore(),
        canceller=canceller or Canceller(),
        max_items=max_items,
        stops_at_silence=stops_at_silence,
    )
    return asyncio.run(use_case(items))


@given(st.lists(st.sampled_from(sorted(ITEMS))))
def test_every_item_has_one_outcome_in_its_place(kinds: list[str]) -> None:
    outcomes = taken(*(ITEMS[kind] for kind in kinds))
    assert [outcome.position for outcome in outcomes] == list(range(len(kinds)))
    for kind, outcome in zip(kinds, outcomes, strict=True):
        if kind == "recorded":
            assert outcome.outcome in {Outcome.RECORDED, Outcome.DUPLICATE}
        elif kind == "cancelled":
            assert (outcome.outcome, outcome.purchase_id) == (Outcome.CANCELLED, "purchase-9")
        else:
            assert outcome.outcome is Outcome.REJECTED
            assert outcome.field
            assert outcome.reason
    known = Counter(outcome.outcome for outcome in outcomes)
    assert known[Outcome.RECORDED] == min(1, kinds.count("recorded"))


def test_what_is_neither_keeps_its_field_and_its_reason() -> None:
    (outcome,) = taken(Unreadable({}, "amount", "is: not taken", "purchase-7"))
    assert (outcome.field, outcome.reason) == ("amount", "is: not taken")
    assert outcome.purchase_id == "purchase-7"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Cancelling.CANCELLED, Outcome.CANCELLED),
        (Cancelling.ALREADY_CANCELLED, Outcome.CANCELLED),
        (Cancelling.ERASED, Outcome.ERASED),
    ],
)
def test_a_cancellation_says_what_it_did(answer: Cancelling, outcome: Outcome) -> None:
    (found,) = taken(CANCELLATION, canceller=Canceller(answer))
    assert (found.outcome, found.cancelling) == (outcome, answer)


def test_an_id_that_no_purchase_can_have_is_refused_before_the_store_is_asked() -> None:
    canceller = Canceller()
    (outcome,) = taken(ILL_NAMED, canceller=canceller)
    assert (outcome.outcome, outcome.field) == (Outcome.REJECTED, "purchase_id")
    assert canceller.ids == []


def test_items_beyond_the_most_per_call_are_refused_and_the_others_taken() -> None:
    recorder, canceller = ReferenceStore(), Canceller()
    raw = [RawPurchase(raw_purchase(purchase_id=f"purchase-{number}")) for number in range(3)]
    outcomes = taken(
        raw[0], NEITHER, raw[1], CANCELLATION, max_items=2, recorder=recorder, canceller=canceller
    )
    assert [outcome.outcome for outcome in outcomes] == ["recorded", *["rejected"] * 3]
    assert [(each.field, each.purchase_id) for each in outcomes[2:]] == [
        ("purchases", "purchase-1"),
        ("purchases", "purchase-9"),
    ]
    assert (len(recorder.purchases), canceller.ids) == (1, [])


def test_silence_about_purchases_leaves_the_other_outcomes_known() -> None:
    silent = silent_store("customer-2")
    unheard = RawPurchase(raw_purchase(customer_id="customer-2"))
    with pytest.raises(PartlyRecorded) as caught:
        taken(CANCELLATION, unheard, NEITHER, recorder=silent)
    kinds = [
        each.outcome if isinstance(each, PurchaseOutcome) else each
        for each in caught.value.outcomes
    ]
    assert kinds == [Outcome.CANCELLED, None, Outcome.REJECTED]


def test_silence_about_a_cancellation_leaves_the_other_outcomes_known() -> None:
    canceller = Canceller(StoreUnavailable("no answer"), Cancelling.CANCELLED)
    with pytest.raises(PartlyRecorded) as caught:
        taken(CANCELLATION, GOOD, CANCELLATION, canceller=canceller)
    assert [each is None for each in caught.value.outcomes] == [True, False, False]
    assert caught.value.reason == "no answer"


def test_an_intake_that_stops_at_silence_begins_nothing_further() -> None:
    canceller = Canceller(StoreUnavailable("no answer"), Cancelling.CANCELLED)
    with pytest.raises(PartlyRecorded) as caught:
        taken(GOOD, CANCELLATION, CANCELLATION, canceller=canceller, stops_at_silence=True)
    assert [each is None for each in caught.value.outcomes] == [False, True, True]
    assert len(canceller.ids) == 1
