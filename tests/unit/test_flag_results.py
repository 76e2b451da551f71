"""Results of a flag: each customer once, from their first decision, in the arm that chance chose."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.statistics import ScipyStatistics
from domain.campaigns import (
    CampaignArm,
    FirstDecisions,
    FlagResults,
    MeasureExperiment,
    MeasureFlag,
    Metric,
    Verdict,
)
from domain.decision_log import LoggedDecision
from domain.decisions import Flag, Policy
from domain.errors import NotFound, Rejected, StoreUnavailable
from tests.builders import DAY, NOW
from tests.campaigns import Place, a_store, bought
from tests.doubles.decisions import MemoryDecisionLog, a_decision, a_scored
from tests.doubles.store import silent_about

FLAG = Flag(
    key="banner",
    policy=Policy(name="banner", min_probability=0.5, max_probability=1.0),
    variants={"on": True, "off": False},
    act="on",
    default="off",
    holdout=2_000,
)
CUSTOMERS = [f"f{number:04}" for number in range(2_000)]


def a_log(customers: Iterable[str] = CUSTOMERS) -> list[LoggedDecision]:
    """Everybody comes twice, a day apart; who is held out is not scored."""
    return [
        a_decision(
            None if FLAG.holds_out(customer) else a_scored(0.3, category="grocery"),
            customer_id=customer,
            as_of=NOW + day * DAY,
            flag="banner",
            held_out=FLAG.holds_out(customer),
        )
        for customer in customers
        for day in (1, 0)
    ]


def measured(
    decisions: list[LoggedDecision], place: Place, *, flag: Flag = FLAG, most: int = 10_000
) -> FlagResults:
    measure = MeasureExperiment(
        spans=place.spans, statistics=ScipyStatistics(), clock=place.clock, deadline_s=60.0
    )
    service = MeasureFlag(log=MemoryDecisionLog(decisions), measure=measure, most=most)
    return asyncio.run(service(flag, start=NOW, end=NOW + 2 * DAY, days=10))


def a_place(*, lifted: float, days_later: int = 12) -> Place:
    """Of the treated a larger share buys, four days after their first decision."""
    purchases = []
    for number, customer in enumerate(CUSTOMERS):
        share = 0.1 if FLAG.holds_out(customer) else lifted
        if (number * 7_919) % 1_000 < share * 1_000:
            purchases.append(bought(customer, 4))
        purchases.append(bought(customer, -1))  # before, and so no effect
    place = Place(a_store({}, others=purchases))
    place.now = NOW + days_later * DAY
    return place


def test_customers_count_once_from_their_first_decision() -> None:
    found = measured(a_log(), a_place(lifted=0.3))
    results = found.results
    held_out = sum(map(FLAG.holds_out, CUSTOMERS))
    assert (results.treated, results.held_out) == (2_000 - held_out, held_out)
    assert (found.category, found.share, results.over) == ("grocery", 1.0, True)
    assert results.begins_at == NOW
    metrics = {each.metric: each for each in results.metrics}
    conversion = metrics[Metric.CONVERSION_IN_CATEGORY]
    assert conversion.treated == pytest.approx(0.3, abs=0.02)
    assert conversion.held_out == pytest.approx(0.1, abs=0.03)
    assert conversion.verdict is Verdict.HIGHER
    assert results.uplift == ()


def test_days_that_go_on_have_no_difference_for_one_look() -> None:
    results = measured(a_log(), a_place(lifted=0.3, days_later=9)).results
    assert not results.over
    assert all(each.difference is None for each in results.metrics)


def test_without_a_category_any_purchase_counts() -> None:
    log = [
        a_decision(customer_id=c, as_of=NOW, flag="banner", held_out=FLAG.holds_out(c))
        for c in CUSTOMERS[:100]
    ]
    found = measured(log, a_place(lifted=0.3))
    assert found.category is None
    assert Metric.CONVERSION_IN_CATEGORY not in {each.metric for each in found.results.metrics}


def test_arms_that_chance_did_not_make_have_no_winner() -> None:
    some = [each for each in a_log() if not each.held_out or str(each.customer_id) < "f1000"]
    results = measured(some, a_place(lifted=0.3)).results
    assert results.assignment_broken
    assert {each.verdict for each in results.metrics} == {Verdict.ASSIGNMENT_BROKEN}


def test_a_hold_out_that_changed_within_the_period_is_refused() -> None:
    treated = next(each for each in CUSTOMERS if not FLAG.holds_out(each))
    changed = a_decision(customer_id=treated, as_of=NOW + 5, flag="banner", held_out=True)
    with pytest.raises(Rejected, match="changed arms"):
        measured([*a_log(), changed], a_place(lifted=0.3))


def test_a_flag_without_hold_out_or_without_decisions_has_nothing_to_measure() -> None:
    place = a_place(lifted=0.3)
    none = Flag(key="banner", policy=FLAG.policy, variants=FLAG.variants, act="on", default="off")
    with pytest.raises(Rejected, match="holds nobody out"):
        measured(a_log(), place, flag=none)
    others = [a_decision(customer_id="c", as_of=NOW, flag="other"), a_decision(as_of=NOW)]
    erased = a_decision(customer_id=None, as_of=NOW, flag="banner")
    with pytest.raises(NotFound):
        measured([*others, erased], place)


def test_who_cannot_be_read_before_is_never_left_out_silently() -> None:
    place = a_place(lifted=0.3)
    place.store.refuse = silent_about("f0007")
    with pytest.raises(StoreUnavailable):
        measured(a_log(), place)


def test_of_too_many_as_many_are_drawn_by_their_ids() -> None:
    found = measured(a_log(), a_place(lifted=0.3), most=600)
    assert 0.2 < found.share < 0.3
    assert 300 < found.results.treated + found.results.held_out <= 600
    assert not found.results.assignment_broken


@given(st.permutations(range(40)), st.integers(5, 60))
def test_the_order_of_the_log_changes_nothing(order: list[int], most: int) -> None:
    log = a_log(CUSTOMERS[:20])
    found = []
    for decisions in (log, [log[at] for at in order]):
        firsts = FirstDecisions("banner", most)
        for each in decisions:
            firsts.take(each)
        found.append([each for batch in firsts.batches() for each in batch])
        assert len(firsts) <= most
    assert found[0] == found[1]
    assert {each.since for each in found[0]} <= {NOW}
    arms = {each.customer_id: each.arm for each in found[0]}
    assert all((arm is CampaignArm.HELD_OUT) == FLAG.holds_out(c) for c, arm in arms.items())
