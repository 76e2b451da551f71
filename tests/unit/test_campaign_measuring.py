"""Measuring a campaign: what counts as its effect, and what may be said of it when."""

import asyncio

import pytest

from adapters.statistics import ScipyStatistics
from domain.campaigns import (
    Campaign,
    CampaignArm,
    CampaignResults,
    Enrolled,
    Experiment,
    Measured,
    MeasureExperiment,
    Metric,
    Plan,
    Verdict,
)
from domain.errors import Rejected, StoreUnavailable
from domain.purchases import Purchase, Refund
from tests.builders import DAY, NOW
from tests.campaigns import Place, a_store, bought
from tests.doubles.store import silent_about

MANY = {f"c{number:04}": 0.1 + number / 10_000 for number in range(800)}


def a_place(
    later: list[Purchase], *, days: int = 31, holdout: int = 3_000
) -> tuple[Place, Campaign]:
    """A campaign, and so many days after it what its customers bought."""
    place = Place(a_store(MANY))
    campaign = place.created(holdout=holdout)
    for purchase in later:
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    advance(place, days)
    return place, campaign


def advance(place: Place, days: int) -> None:
    place.now = NOW + days * DAY
    place.store.clock.now = place.now  # type: ignore[attr-defined]


def of(results: CampaignResults, metric: Metric) -> Measured:
    (found,) = [each for each in results.metrics if each.metric is metric]
    return found


def arms(place: Place, campaign: Campaign) -> dict[str, CampaignArm]:
    return {m.customer_id: m.arm for m in place.members(campaign)}


def an_effect(place: Place, campaign: Campaign) -> list[Purchase]:
    """Every third treated customer buys, every sixth held out."""
    found = []
    for number, (customer, arm) in enumerate(arms(place, campaign).items()):
        every = 3 if arm is CampaignArm.TREATED else 6
        if number % every == 0:
            found.append(bought(customer, 5))
    return found


def test_purchases_count_from_the_beginning_until_the_days_are_over() -> None:
    place, campaign = a_place([])
    treated = next(c for c, arm in arms(place, campaign).items() if arm is CampaignArm.TREATED)
    for day in (0, 1, 30, 31):
        purchase = bought(treated, day, amount_minor=10**day % 997 + 1)
        place.store.purchases[treated, purchase.purchase_id] = purchase
    results = place.measured(campaign)
    revenue = of(results, Metric.REVENUE).treated * results.treated
    assert revenue == pytest.approx((10 % 997 + 1) + (10**30 % 997 + 1))
    assert of(results, Metric.CONVERSION).treated * results.treated == pytest.approx(1)


def test_a_campaign_that_was_sent_later_counts_from_then() -> None:
    place, campaign = a_place([])
    place.campaigns.mark_sent("spring", NOW + 3 * DAY)
    customer = next(iter(arms(place, campaign)))
    purchase = bought(customer, 3)
    place.store.purchases[customer, purchase.purchase_id] = purchase
    sent = place.campaigns.named("spring")
    early = place.measured(sent)
    assert (early.begins_at, early.over) == (NOW + 3 * DAY, False)
    assert sum(of(early, Metric.REVENUE).__getattribute__(a) for a in ("treated", "held_out")) == 0


def test_what_was_given_back_is_no_revenue_and_in_full_no_purchase() -> None:
    place, campaign = a_place([])
    one, other = [c for c, arm in arms(place, campaign).items() if arm is CampaignArm.TREATED][:2]
    for customer, back in ((one, 500), (other, 2_000)):
        purchase = bought(customer, 4, category="jewellery")
        given = Purchase(
            customer_id=customer,
            purchase_id=purchase.purchase_id,
            purchased_at=purchase.purchased_at,
            category="jewellery",
            amount_minor=2_000,
            refunds=(Refund(NOW + 6 * DAY, "r", back),),
        )
        place.store.purchases[customer, given.purchase_id] = given
    results = place.measured(campaign)
    assert of(results, Metric.REVENUE).treated * results.treated == pytest.approx(1_500)
    assert of(results, Metric.CONVERSION_IN_CATEGORY).treated * results.treated == pytest.approx(1)


def test_a_purchase_in_another_category_is_no_conversion_in_this_one() -> None:
    place, campaign = a_place([])
    customer = next(iter(arms(place, campaign)))
    purchase = bought(customer, 4, category="grocery")
    place.store.purchases[customer, purchase.purchase_id] = purchase
    results = place.measured(campaign)
    assert of(results, Metric.CONVERSION_IN_CATEGORY).treated == 0
    assert of(results, Metric.CONVERSION).treated + of(results, Metric.CONVERSION).held_out > 0


def test_an_effect_is_seen_once_the_window_is_over() -> None:
    place, campaign = a_place([])
    for purchase in an_effect(place, campaign):
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    results = place.measured(campaign)
    assert results.over
    for metric in (Metric.CONVERSION, Metric.REVENUE, Metric.REVENUE_ADJUSTED):
        assert of(results, metric).verdict is Verdict.HIGHER
        assert of(results, metric).difference is not None
    assert of(results, Metric.CONVERSION_IN_CATEGORY).verdict is Verdict.NOT_TOLD_APART
    assert [each.tenth for each in results.uplift] == list(range(1, 11))
    assert sum(each.treated.of for each in results.uplift) == results.treated
    whole = results.uplift[-1].so_far
    assert whole is not None
    assert whole == of(results, Metric.CONVERSION).difference


def test_before_that_only_intervals_for_every_look_are_told() -> None:
    place, campaign = a_place([])
    for purchase in an_effect(place, campaign):
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    advance(place, 10)
    results = place.measured(campaign)
    assert not results.over
    for each in results.metrics:
        assert each.difference is None
        assert each.always_valid is not None
    assert of(results, Metric.CONVERSION).verdict is Verdict.HIGHER
    assert of(results, Metric.CONVERSION_IN_CATEGORY).verdict is Verdict.TOO_EARLY
    assert {each.conversion for each in results.uplift} == {None}


def test_a_broken_assignment_has_no_winner() -> None:
    """Half of the held out left: those who stayed are no longer by chance who they are."""
    place, campaign = a_place([])
    for purchase in an_effect(place, campaign):
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    for number, (customer, arm) in enumerate(arms(place, campaign).items()):
        if arm is CampaignArm.HELD_OUT and number % 2:
            place.eraser.begin(customer, place.now)
    results = place.measured(campaign)
    assert results.assignment_broken
    assert {each.verdict for each in results.metrics} == {Verdict.ASSIGNMENT_BROKEN}
    assert {each.difference for each in results.metrics} == {None}
    assert {each.always_valid for each in results.metrics} == {None}
    assert {each.so_far for each in results.uplift} == {None}


def test_with_nobody_held_out_nothing_is_said() -> None:
    place, campaign = a_place([], holdout=0)
    results = place.measured(campaign)
    assert {each.verdict for each in results.metrics} == {Verdict.NO_HOLDOUT}
    assert not results.assignment_broken


def test_members_who_could_not_be_read_are_counted_and_nobody_wins() -> None:
    place, campaign = a_place([])
    for purchase in an_effect(place, campaign):
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    last = place.members(campaign)[-1].customer_id
    place.store.unread = frozenset({last})
    results = place.measured(campaign)
    assert results.unread == 1
    assert results.treated + results.held_out == 799
    assert {each.verdict for each in results.metrics} == {Verdict.PARTIAL}


def test_a_refusal_that_retrying_cannot_mend_is_raised() -> None:
    place, campaign = a_place([])
    place.store.refuse = silent_about("c0001")
    assert place.measured(campaign).unread

    def refused(_: object) -> None:
        raise StoreUnavailable("no permission", transient=False)

    place.store.refuse = refused
    with pytest.raises(StoreUnavailable):
        place.measured(campaign)


def test_what_has_not_begun_cannot_be_measured_nor_over_no_days() -> None:
    place, campaign = a_place([], days=0)
    with pytest.raises(Rejected):
        place.measured(campaign)
    advance(place, 1)
    for days in (0, 366):
        with pytest.raises(Rejected):
            place.measured(campaign, days)


def test_the_time_before_is_that_of_the_creation() -> None:
    """What was bought before but recorded since does not move between the arms."""
    place, campaign = a_place([])
    for purchase in an_effect(place, campaign):
        place.store.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    before = of(place.measured(campaign), Metric.REVENUE_ADJUSTED)
    for customer, arm in arms(place, campaign).items():
        if arm is CampaignArm.TREATED:
            late = bought(customer, -2, amount_minor=90_000)
            place.store.purchases[customer, late.purchase_id] = late
    assert of(place.measured(campaign), Metric.REVENUE_ADJUSTED) == before


def test_customers_of_a_flag_count_from_the_instant_of_each() -> None:
    """The seam for a banner: whoever was decided for, each from then on."""
    place = Place(a_store(MANY))
    advance(place, 20)
    ids = list(MANY)[:40]
    for customer in ids:
        for day in (1, 9, 12):
            purchase = bought(customer, day)
            place.store.purchases[customer, purchase.purchase_id] = purchase
    enrolled = [
        Enrolled(
            customer,
            CampaignArm.HELD_OUT if number % 4 == 0 else CampaignArm.TREATED,
            0.5,
            NOW + (2 if number % 2 else 10) * DAY,
        )
        for number, customer in enumerate(ids)
    ]
    experiment = Experiment(
        category=None,
        days=7,
        holdout=2_500,
        cuts=[],
        plan=Plan(rate=0.2, spread=1e6),
        primary=Metric.CONVERSION,
        began_at=NOW + 2 * DAY,
        last_since=NOW + 10 * DAY,
    )
    measure = MeasureExperiment(
        spans=place.spans, statistics=ScipyStatistics(), clock=place.clock, deadline_s=60.0
    )
    results = asyncio.run(measure([enrolled], experiment))
    assert results.over
    assert (results.treated, results.held_out) == (30, 10)
    revenue = of(results, Metric.REVENUE)
    assert revenue.treated == revenue.held_out == 2_000, "day 9, or day 12: once each"
    assert of(results, Metric.CONVERSION).verdict is Verdict.NOT_TOLD_APART
