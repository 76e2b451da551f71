"""A replay says whether a decision comes out again, and why not where it does not."""

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.decision_log import LoggedDecision, Scored
from domain.errors import InvalidRequest, StoreUnavailable
from domain.features import Aggregation, Feature, FeatureSet, Histories
from domain.prediction import Scorer, ServedModel
from domain.purchases import Purchase, Refund
from domain.replay import Cause, ReplayDecision, Replayed, Verdict, sample
from domain.retention import PurchaseRetention, Retention
from domain.values import Window
from domain.values.instant import MICROS_PER_HOUR
from model_registry.errors import GateFailed, UnknownVersion
from model_registry.serving import LoggedVersions
from tests.builders import DAY, NOW, USD, a_purchase, a_served_model
from tests.decision_logs import a_reader, a_writer, an_answer
from tests.doubles.decisions import MemoryDecisionLog, a_decision, a_scored
from tests.doubles.memory import ManualClock, MemoryPlace
from tests.doubles.store import RETENTION, ReferenceStore
from tests.fakes import SaturatingScorer
from tests.registries import NAME, FragileStore, a_candidate, a_registry
from tests.strategies import histories

FEATURES = FeatureSet(
    (
        Feature(Aggregation.TOTAL_PURCHASE_VOLUME, Window.days(30)),
        Feature(Aggregation.PURCHASE_COUNT, Window.days(30)),
        Feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, Window.days(30)),
    ),
    USD,
)
MODEL = a_served_model(SaturatingScorer(), features=FEATURES)
SECOND = 1_000_000


def logged(purchases: Sequence[Purchase], model: ServedModel = MODEL) -> LoggedDecision:
    """The decision as it was made when these purchases were stored."""
    matrix, scores = model.scores(Histories.of([purchases]), NOW)
    return a_decision(a_scored(float(scores[0]), features=matrix[0].tolist()))


def bought(number: int, *, ago: int = 0, refunds: tuple[Refund, ...] = ()) -> Purchase:
    """A purchase of its own day and amount."""
    at = NOW - (ago or number * DAY)
    each = a_purchase(purchase_id=f"p{number}", purchased_at=at, amount_minor=1000 + 17 * number**2)
    return replace(each, refunds=refunds)


def replayed(
    decision: LoggedDecision,
    store: ReferenceStore,
    *,
    load: Callable[[Scored], ServedModel] = lambda _: MODEL,
) -> Replayed:
    replay = ReplayDecision(load=load, history=store, records=store)
    return asyncio.run(replay(decision))


def causes(found: Replayed) -> list[Cause]:
    return [each.cause for each in found.evidence]


USUAL = [bought(1), bought(3), bought(7)]


@given(histories())
def test_what_did_not_change_is_equal_to_the_last_bit(purchases: Sequence[Purchase]) -> None:
    mine = [replace(each, customer_id="customer-1") for each in purchases]
    unique = list({each.purchase_id: each for each in mine}.values())
    found = replayed(logged(unique), ReferenceStore(unique))
    assert (found.verdict, found.changed, found.evidence) == (Verdict.EQUAL, (), ())
    assert found.explained


def test_purchases_after_the_decision_change_nothing() -> None:
    later = a_purchase(purchase_id="later", purchased_at=NOW + 1)
    back = replace(USUAL[0], refunds=(Refund(NOW + 1, "r", 100),))
    store = ReferenceStore([back, *USUAL[1:], later])
    assert replayed(logged(USUAL), store).verdict is Verdict.EQUAL


@given(st.sets(st.integers(1, 25), min_size=1, max_size=6), st.data())
def test_one_late_purchase_is_named(numbers: set[int], data: st.DataObject) -> None:
    everything = [bought(number) for number in sorted(numbers)]
    late = data.draw(st.sampled_from(everything))
    found = replayed(
        logged([each for each in everything if each != late]), ReferenceStore(everything)
    )
    assert found.verdict is Verdict.DIFFERENT
    assert causes(found) == [Cause.LATE_PURCHASE]
    assert late.purchase_id in found.evidence[0].ids
    assert found.explained


def test_a_whole_batch_that_came_late_is_named() -> None:
    late = [bought(number, ago=number * SECOND) for number in range(31, 38)]
    found = replayed(logged(USUAL), ReferenceStore([*USUAL, *late]))
    assert causes(found) == [Cause.LATE_PURCHASE]
    assert set(found.evidence[0].ids) == {each.purchase_id for each in late}


def test_two_late_purchases_that_are_no_batch_are_named() -> None:
    everything = [bought(number) for number in range(1, 9)]
    late = {everything[2], everything[6]}
    found = replayed(
        logged([each for each in everything if each not in late]), ReferenceStore(everything)
    )
    assert set(found.evidence[0].ids) == {"p3", "p7"}


def test_a_refund_that_came_late_is_named() -> None:
    back = replace(USUAL[1], refunds=(Refund(NOW - DAY, "r1", 100),))
    found = replayed(logged(USUAL), ReferenceStore([USUAL[0], back, USUAL[2]]))
    assert (causes(found), found.evidence[0].ids) == ([Cause.LATE_REFUND], ("r1",))
    assert [each.name for each in found.changed] == ["total_purchase_volume_30d", "probability"]


def test_a_purchase_that_was_cancelled_since_is_named() -> None:
    store = ReferenceStore(USUAL)
    store.clock = lambda: NOW + 5
    decision = logged(USUAL)
    asyncio.run(store.cancel("customer-1", "p3"))
    found = replayed(decision, store)
    assert (causes(found), found.evidence[0].ids) == ([Cause.CANCELLED], ("p3",))
    assert found.explained


def test_a_cancellation_before_the_decision_explains_nothing() -> None:
    store = ReferenceStore(USUAL)
    store.clock = lambda: NOW - 5
    asyncio.run(store.cancel("customer-1", "p3"))
    found = replayed(logged(USUAL), store)
    assert (found.verdict, found.evidence, found.explained) == (Verdict.DIFFERENT, (), False)


def test_an_erased_customer_is_not_computed() -> None:
    decision = replace(logged(USUAL), customer_id=None, scored=a_scored(0.9, features=()))
    found = replayed(decision, ReferenceStore())
    assert (found.verdict, causes(found)) == (Verdict.NOT_COMPUTED, [Cause.ERASED])
    assert found.explained


def test_an_erasure_that_the_log_does_not_know_yet_is_named() -> None:
    store = ReferenceStore(USUAL)
    decision = logged(USUAL)
    asyncio.run(store.erase("customer-1", suppressed_until=NOW + 9 * DAY))
    found = replayed(decision, store)
    assert (found.verdict, causes(found)) == (Verdict.DIFFERENT, [Cause.ERASED])


def test_purchases_that_are_kept_no_more_are_not_asked_for() -> None:
    keeping = Retention(RETENTION.days, PurchaseRetention(10))
    found = replayed(logged(USUAL), ReferenceStore(USUAL, retention=keeping))
    assert (found.verdict, causes(found)) == (Verdict.NOT_COMPUTED, [Cause.BEYOND_RETENTION])


def test_nothing_is_computed_where_nothing_was_scored() -> None:
    found = replayed(a_decision(None, held_out=True), ReferenceStore())
    assert (found.verdict, found.explained) == (Verdict.NOTHING_TO_REPLAY, True)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnknownVersion("gone"), Cause.VERSION_GONE),
        (GateFailed("features", "another contract"), Cause.VERSION_REFUSED),
    ],
)
def test_a_version_that_cannot_be_loaded_is_to_be_looked_at(error: Exception, cause: Cause) -> None:
    def refuse(_: Scored) -> ServedModel:
        raise error

    found = replayed(logged(USUAL), ReferenceStore(USUAL), load=refuse)
    assert (found.verdict, causes(found)) == (Verdict.NOT_COMPUTED, [cause])
    assert not found.explained


def test_other_scores_of_the_same_features_are_to_be_looked_at() -> None:
    class NextFloat:
        def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
            found: NDArray[np.float64] = np.nextafter(SaturatingScorer().score(matrix), 1.0)
            return found

    scorer: Scorer = NextFloat()
    other = replace(MODEL, scorer=scorer)
    found = replayed(logged(USUAL), ReferenceStore(USUAL), load=lambda _: other)
    assert ([each.name for each in found.changed], causes(found)) == (
        ["probability"],
        [Cause.OTHER_SCORES],
    )
    assert not found.explained


def test_zero_is_told_from_minus_zero() -> None:
    decision = logged([])
    assert decision.scored is not None
    features = (-0.0, *decision.scored.features[1:])
    found = replayed(
        replace(decision, scored=replace(decision.scored, features=features)), ReferenceStore()
    )
    (changed,) = found.changed
    assert struct.pack("<dd", changed.logged, changed.computed) == struct.pack("<dd", -0.0, 0.0)
    assert not found.explained


@pytest.mark.parametrize(
    "scored",
    [
        a_scored(features=(1.0,)),
        a_scored(features=(1.0, 2.0, 3.0), category="wine"),
        a_scored(features=(1.0, float("nan"), 3.0)),
    ],
)
def test_what_the_version_cannot_have_said_is_to_be_looked_at(scored: Scored) -> None:
    found = replayed(a_decision(scored), ReferenceStore(USUAL))
    assert (found.verdict, causes(found)) == (Verdict.NOT_COMPUTED, [Cause.MISFIT])
    assert not found.explained


def test_a_version_that_serves_no_more_is_loaded_and_one_that_is_lost_is_named() -> None:
    store = FragileStore()
    registry = a_registry(store)
    for weight in (0.01, 0.02):
        version = registry.register(NAME, a_candidate(weight), actor="test").version
        registry.promote(NAME, version, actor="test", reason="test", force=True)
    scored = a_scored(features=(12.5,))
    versions = LoggedVersions(registry)
    first = versions(scored)
    assert (first.version, first.revision) == (1, 1)
    assert versions(scored) is first
    assert versions(replace(scored, version=2, revision=2)).version == 2
    for gone in (replace(scored, revision=9), replace(scored, version=2)):
        for _ in range(2):
            found = replayed(a_decision(gone), ReferenceStore(), load=versions)
            assert causes(found) == [Cause.VERSION_GONE]
    store.lose("models/propensity/versions/000001.json")
    found = replayed(a_decision(scored), ReferenceStore(), load=LoggedVersions(registry))
    assert causes(found) == [Cause.VERSION_GONE]
    store.silent = ("models",)
    with pytest.raises(StoreUnavailable):
        LoggedVersions(registry)(scored)


def test_a_sample_is_seeded_fair_and_of_scored_decisions_alone() -> None:
    decisions = [
        a_decision(a_scored() if number % 5 else None, decision_id=f"{number}", as_of=NOW + number)
        for number in range(100)
    ]
    log = MemoryDecisionLog(decisions)

    def drawn(seed: int, most: int = 10) -> list[str]:
        found = sample(log, most=most, start=NOW, end=NOW + 100, seed=seed)
        assert (found.read, found.not_scored) == (100, 20)
        return [each.decision_id for each in found.decisions]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) == 10
    assert len(drawn(1, most=500)) == 80
    often = [sum(str(each) in drawn(seed) for seed in range(400)) for each in (1, 51, 99)]
    assert all(25 <= each <= 80 for each in often)  # 50 on average


def test_the_log_in_memory_answers_as_the_one_in_files() -> None:
    hours = (0, 1, MICROS_PER_HOUR, 26 * MICROS_PER_HOUR)
    answers = [an_answer(NOW + each, flag="banner" if each else None) for each in hours]
    place = MemoryPlace()
    writer = a_writer(place, ManualClock(NOW))
    assert all(map(writer.keep, answers))
    writer.flush()
    files, memory = (
        a_reader(place, lambda: NOW),
        MemoryDecisionLog([answer.logged() for answer in answers]),
    )
    for span in [(0, NOW + DAY), (NOW, NOW + 1), (NOW + 1, NOW + 27 * MICROS_PER_HOUR)]:
        assert list(map(list, memory.between(*span))) == list(map(list, files.between(*span)))
    wanted = [*(answer.decision_id for answer in answers), an_answer(NOW, number=5).decision_id]
    assert [*map(memory.find, wanted)] == [*map(files.find, wanted)]
    for log in (files, memory):
        with pytest.raises(InvalidRequest):
            log.find("x")
