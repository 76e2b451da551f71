"""Outcomes are what a plain computation says, and a version is called worse only beyond chance."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from domain.decision_log import LoggedDecision
from domain.outcomes import JoinOutcomes, NotJoined, Outcomes, Stratum
from domain.outcomes.drawn import Drawn
from domain.prediction import Arm
from domain.purchases import Purchase, Refund, refunded_minor
from domain.retention import FOR_EVER, PurchaseRetention
from model_registry.evaluation import (
    Promised,
    came_true,
    evaluate,
    flags_in,
    intervals,
    promised_by,
)
from model_registry.evaluation.performance import (
    auc_if_true,
    log_loss_if_true,
    performance,
    share_of,
)
from model_registry.versions import CalibrationBin, HeldOut
from tests.builders import DAY, NOW, a_purchase
from tests.doubles.decisions import MemoryDecisionLog, a_decision, a_scored
from tests.doubles.store import ReferenceStore
from tests.registries import NAME, a_candidate, a_registry

START = NOW - 300 * DAY


def joined(
    decisions: Sequence[LoggedDecision],
    purchases: Sequence[Purchase] = (),
    *,
    retention: PurchaseRetention = FOR_EVER,
    most: int = 1_000_000,
) -> Outcomes:
    join = JoinOutcomes(
        log=MemoryDecisionLog(decisions),
        history=ReferenceStore(purchases),
        retention=retention,
        clock=lambda: NOW,
        most=most,
    )
    return asyncio.run(join("propensity", start=START, end=NOW))


def bought(decision: LoggedDecision, purchases: Sequence[Purchase]) -> bool:
    """The label rule, said plainly."""
    assert decision.scored is not None
    end = decision.as_of + decision.scored.horizon_days * DAY
    return any(
        each.customer_id == decision.customer_id
        and decision.as_of < each.purchased_at <= end
        and decision.scored.category in {None, each.category}
        and (not each.amount_minor or refunded_minor(each.refunds, until=end) < each.amount_minor)
        for each in purchases
    )


CUSTOMERS = st.sampled_from(["a", "b", "c"])
OFFSETS = st.sampled_from([-1, 0, 1])


@st.composite
def some_purchases(draw: st.DrawFn) -> list[Purchase]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        at = NOW - draw(st.integers(0, 12)) * 10 * DAY + draw(OFFSETS)
        amount = draw(st.sampled_from([0, 500]))
        purchase = a_purchase(
            customer_id=draw(CUSTOMERS),
            purchase_id=f"p{number}",
            purchased_at=at,
            category=draw(st.sampled_from(["wine", "bread"])),
            amount_minor=amount,
        )
        back = draw(st.sampled_from([0, 200, 500]))
        if amount and back:
            when = at + draw(st.sampled_from([0, 5, 40])) * DAY
            purchase = replace(purchase, refunds=(Refund(when, "r", back),))
        found.append(purchase)
    return found


@st.composite
def some_decisions(draw: st.DrawFn) -> list[LoggedDecision]:
    return [
        a_decision(
            a_scored(
                draw(st.floats(0.0, 1.0)),
                version=draw(st.sampled_from([1, 2])),
                horizon_days=30,
                category=draw(st.sampled_from([None, "wine"])),
                model=draw(st.sampled_from(["propensity", "propensity", "other"])),
            ),
            decision_id=f"{number}",
            customer_id=draw(st.one_of(CUSTOMERS, st.none())),
            as_of=NOW - draw(st.integers(1, 12)) * 10 * DAY + draw(OFFSETS),
            acted=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(some_decisions(), some_purchases())
def test_every_decision_is_labelled_as_training_labels_or_counted_apart(
    decisions: list[LoggedDecision], purchases: list[Purchase]
) -> None:
    found = joined(decisions, purchases)
    due, apart = Counter[tuple[int, bool, float, int, bool]](), Counter[NotJoined]()
    for each in decisions:
        if each.scored is None or each.scored.model != "propensity":
            continue
        if each.customer_id is None:
            apart[NotJoined.ERASED] += 1
        elif each.as_of + 30 * DAY > NOW:
            apart[NotJoined.NOT_DUE] += 1
        else:
            scored = each.scored
            label = bought(each, purchases)
            due[scored.version, each.acted, scored.probability, each.as_of, label] += 1
    strata = [found.strata[place] for place in found.stratum.tolist()]
    columns = (found.probability.tolist(), found.as_of.tolist(), found.bought.tolist())
    rows = zip(strata, *columns, strict=True)
    assert Counter((s.version, s.acted, p, at, label) for s, p, at, label in rows) == due
    assert found.not_joined == apart
    assert (found.read, found.sampled) == (len(decisions), 1.0)


def test_the_customers_of_rows_are_told_apart() -> None:
    decisions = [
        a_decision(a_scored(), decision_id=f"{n}", customer_id=f"c{n % 3}", as_of=NOW - 40 * DAY)
        for n in range(9)
    ]
    assert sorted(np.bincount(joined(decisions).customer).tolist()) == [3, 3, 3]


def test_purchases_that_are_kept_no_more_are_counted_apart() -> None:
    decisions = [
        a_decision(a_scored(horizon_days=1), decision_id=f"{ago}", as_of=NOW - ago * DAY)
        for ago in (5, 15)
    ]
    found = joined(decisions, retention=PurchaseRetention(10))
    assert (len(found), found.not_joined) == (1, {NotJoined.BEYOND_RETENTION: 1})


def flagged(number: int, customer: str | None, **rest: bool) -> LoggedDecision:
    scored = None if rest.get("held_out") or rest.pop("late", False) else a_scored(category="wine")
    return a_decision(
        scored,
        decision_id=f"{number}",
        customer_id=customer,
        as_of=NOW - 40 * DAY,
        flag="banner",
        **rest,
    )


def test_who_was_held_out_is_beside_who_was_decided_about() -> None:
    decisions = [
        *(flagged(n, f"h{n}", held_out=True) for n in range(10)),
        *(flagged(100 + n, f"d{n}", acted=True) for n in range(20)),
        flagged(200, None, held_out=True),
        flagged(201, "d1", late=True),
        replace(flagged(202, "h1", held_out=True), flag="another"),
        replace(flagged(203, "h1", held_out=True), as_of=NOW - DAY),
    ]
    after = NOW - 20 * DAY
    purchases = [
        a_purchase(customer_id=customer, purchased_at=after, category=category)
        for customer, category in [("h1", "wine"), ("h2", "bread"), ("d1", "wine"), ("d2", "wine")]
    ]
    found = joined(decisions, purchases)
    (flag,) = flags_in(found)
    assert flag.held_out is not None
    assert flag.decided is not None
    assert (flag.flag, flag.held_out.decisions, flag.held_out.value) == ("banner", 10, 0.1)
    assert (flag.decided.decisions, flag.decided.value) == (20, 0.1)
    assert flag.interval is not None
    assert flag.difference == pytest.approx(0.0)
    assert flag.interval[0] < 0.0 < flag.interval[1]
    assert found.not_joined == {
        NotJoined.ERASED: 1,
        NotJoined.NO_PROPENSITY: 1,
        NotJoined.NOT_DUE: 1,
    }


def test_what_memory_cannot_hold_leaves_by_whole_customers() -> None:
    decisions = [
        a_decision(a_scored(), decision_id=f"{n}", customer_id=f"c{n % 200}", as_of=START + n)
        for n in range(1_000)
    ]
    found = joined(decisions, most=300)
    assert 0 < len(found) <= 300
    assert set(np.bincount(found.customer).tolist()) == {5}
    assert found.sampled in {0.5, 0.25, 0.125}
    assert found.not_joined == {NotJoined.NOT_SAMPLED: 1_000 - len(found)}
    assert set(found.as_of.tolist()) == {
        START + 200 * turn + each
        for turn in range(5)
        for each in {int(at - START) % 200 for at in found.as_of}
    }


def test_the_lot_does_not_depend_on_the_order() -> None:
    def kept(numbers: Sequence[int]) -> set[str]:
        drawn = Drawn(50)
        for n in numbers:
            drawn.take(f"c{n}", as_of=n, kind=0, category=0, probability=0.5)
        assert drawn.left_out.total() == 300 - len(drawn)
        return {each.customer_id for each in drawn.by_customer()}

    assert kept(range(300)) == kept(range(299, -1, -1))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(60, 300))
def test_metrics_are_what_scikit_learn_computes(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    probability = random.choice([0.1, 0.25, 0.5, 0.9], size) + random.choice([0.0, 0.05], size)
    labels = random.random(size) < 0.5
    found = performance(probability, labels, np.arange(size))
    assert found.metrics["auc"] == pytest.approx(roc_auc_score(labels, probability))
    assert found.metrics["log_loss"] == pytest.approx(log_loss(labels, probability))
    assert found.bias == pytest.approx(probability.mean() - labels.mean())
    assert sum(each.share.decisions for each in found.calibration) == size
    total = sum(each.share.decisions * each.share.value for each in found.calibration)
    assert total == pytest.approx(labels.sum())
    low, high = found.share.interval
    assert low < labels.mean() < high


def test_what_true_probabilities_give_is_the_mean_of_many_draws() -> None:
    random = np.random.default_rng(1)
    probability = np.round(random.beta(1, 3, 400), 2).clip(0.01, 0.99)
    draws = [random.random(400) < probability for _ in range(200)]
    assert auc_if_true(probability) == pytest.approx(
        np.mean([roc_auc_score(each, probability) for each in draws]), abs=0.006
    )
    assert log_loss_if_true(probability) == pytest.approx(
        np.mean([log_loss(each, probability) for each in draws]), abs=0.006
    )
    assert auc_if_true(np.zeros(5)) == 0.5


def test_a_customer_who_comes_a_hundred_times_counts_as_one() -> None:
    random = np.random.default_rng(2)
    labels = random.random(200) < 0.3
    once = share_of(labels, np.arange(200))
    often = share_of(np.repeat(labels, 100), np.repeat(np.arange(200), 100))
    assert often.value == once.value
    assert often.interval == pytest.approx(once.interval, abs=1e-9)
    low, high = share_of(np.zeros(5_000, dtype=bool), np.repeat(np.arange(50), 100)).interval
    assert low == 0.0
    assert high == pytest.approx(0.0714, abs=1e-3)  # of 50 customers: Wilson


def drawn_outcomes(
    random: np.random.Generator,
    *,
    customers: int,
    shift: float = 0.0,
    spread: float = 1.0,
    arms: int = 1,
) -> tuple[Outcomes, Mapping[str, Promised]]:
    """A promise of one draw, and the outcomes of another; `shift` in log-odds, `spread` of the truth."""

    def labelled(size: int, moved: float, scale: float) -> tuple[NDArray[np.float64], ...]:
        odds = random.normal(-1.5, 1.0, size)
        return 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-(scale * (odds + 1.5) - 1.5 + moved)))

    said, true = labelled(3_000, 0.0, 1.0)
    rows = HeldOut("0" * 64, random.random(3_000) < true, said)
    held_out = {**evaluate(rows)}, intervals(rows)
    registry = a_registry()
    candidate = replace(a_candidate(), metrics=held_out[0], intervals=held_out[1], held_out=rows)
    manifest = registry.register(NAME, candidate, actor="test")
    promised = promised_by(manifest, rows)

    visits = 1 + random.poisson(2.0, customers)
    said, true = labelled(customers, shift, spread)
    buys = random.random(customers) < true
    customer = np.repeat(np.arange(customers), visits)
    kinds = [
        Stratum(version=version, arm=Arm.CHAMPION, flag=None, acted=acted, horizon_days=30)
        for version in range(1, arms + 1)
        for acted in (True, False)
    ]
    stratum = (customer % arms) * 2 + (said[customer] < 0.2)
    outcomes = Outcomes(
        strata=kinds,
        stratum=stratum.astype(np.int64),
        customer=customer,
        as_of=np.zeros(len(customer), dtype=np.int64),
        probability=said[customer],
        bought=buys[customer],
        read=len(customer),
        not_joined={},
        sampled=1.0,
    )
    return outcomes, promised


def worse(outcomes: Outcomes, promised: Mapping[str, Promised]) -> list[str]:
    return [metric for arm in came_true(outcomes, lambda _: promised) for metric in arm.worse]


@pytest.mark.full
@pytest.mark.early(60)
def test_what_is_as_promised_is_seldom_called_worse() -> None:
    alarms = [
        bool(worse(*drawn_outcomes(np.random.default_rng(seed), customers=400, arms=2)))
        for seed in range(100)
    ]
    assert sum(alarms) <= 5


@pytest.mark.parametrize(
    ("change", "metrics"),
    [
        ({"shift": 0.7}, {"log_loss", "bias"}),
        ({"shift": -0.9}, {"bias"}),
        ({"spread": 0.2}, {"auc", "log_loss"}),
    ],
)
def test_what_is_shifted_is_called_worse(change: dict[str, Any], metrics: set[str]) -> None:
    outcomes, promised = drawn_outcomes(np.random.default_rng(7), customers=1_000, **change)
    (arm,) = came_true(outcomes, lambda _: promised)
    assert metrics <= set(arm.worse)
    assert not any(each.as_if_true for each in arm.judged if each.metric in metrics)


def test_customers_who_are_harder_to_tell_apart_are_not_taken_for_a_worse_model() -> None:
    outcomes, promised = drawn_outcomes(np.random.default_rng(3), customers=3_000)
    alike = (outcomes.probability > 0.1) & (outcomes.probability < 0.3)
    some = replace(
        outcomes,
        stratum=outcomes.stratum[alike],
        customer=outcomes.customer[alike],
        as_of=outcomes.as_of[alike],
        probability=outcomes.probability[alike],
        bought=outcomes.bought[alike],
    )
    (arm,) = came_true(some, lambda _: promised)
    (auc,) = [each for each in arm.judged if each.worse]
    assert (auc.metric, auc.as_if_true) == ("auc", True)


def test_too_few_buyers_are_not_judged_and_an_unknown_promise_is_none() -> None:
    random = np.random.default_rng(5)
    outcomes, promised = drawn_outcomes(random, customers=12)
    (arm,) = came_true(outcomes, lambda _: promised)
    assert (arm.judged, arm.all.metrics) == ((), {})
    outcomes, _ = drawn_outcomes(random, customers=300)
    (arm,) = came_true(outcomes, lambda _: {})
    assert (arm.judged, arm.promised) == ((), {})


def test_a_difference_that_is_none_to_speak_of_is_not_called_worse() -> None:
    size = 5_000
    labels = np.arange(size) % 2 == 0
    outcomes = Outcomes(
        strata=[Stratum(version=1, arm=Arm.CHAMPION, flag=None, acted=False, horizon_days=30)],
        stratum=np.zeros(size, dtype=np.int64),
        customer=np.arange(size),
        as_of=np.zeros(size, dtype=np.int64),
        probability=np.where(labels, 0.9999, 0.0003),
        bought=labels,
        read=size,
        not_joined={},
        sampled=1.0,
    )
    promised = {
        "auc": Promised(1.0, 0.0),
        "log_loss": Promised(0.0, 0.0),
        "bias": Promised(0.0, 0.0),
    }
    assert worse(outcomes, promised) == []


def test_a_version_from_elsewhere_promises_what_its_bins_say() -> None:
    candidate = replace(
        a_candidate(), calibration=(CalibrationBin(30, 0.2, 0.3), CalibrationBin(10, 0.6, 0.5))
    )
    manifest = a_registry().register(NAME, candidate, actor="test")
    promised = promised_by(manifest, None)
    assert promised["auc"] == Promised(0.84, None)
    assert promised["bias"].value == pytest.approx(-0.05)
    assert set(promised) == {"auc", "log_loss", "bias"}
