"""Asked: each customer once a day, a fair sample of too many, and all processes together."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drift import CountedDay, Reference, tally_of
from domain.prediction import Prediction, ServedModel
from domain.values import MICROS_PER_DAY
from model_registry.errors import CorruptRegistry
from model_registry.serving import AskedCustomers, AskedDays, DriftState, drift_on, newest_drift
from model_registry.serving.asked import (
    KEPT_DAYS,
    MOST_VERSIONS,
    MOST_WAITING,
    day_of,
    parsed,
    rendered,
)
from tests.builders import DAY, NOW, a_policy, a_served_model
from tests.doubles.memory import ManualClock, MemoryStatusStore
from tests.fakes import SaturatingScorer
from tests.registries import NAME
from tests.unit.test_drift import FEATURES, a_matrix, a_reference

TODAY = day_of(NOW)


def a_model(version: int = 1, reference: Reference | None = None) -> ServedModel:
    model = a_served_model(SaturatingScorer(), features=FEATURES, version=version)
    return replace(model, reference=reference or a_reference())


def answers(
    rows: int, *, model: ServedModel, seed: int = 5, at: int = NOW, times: float = 1.0
) -> list[Prediction]:
    """One answer about each of so many customers."""
    matrix, scores = a_matrix(rows, seed=seed)
    matrix[:, 0] *= times
    policy = a_policy()
    return [
        Prediction(
            customer_id=f"customer-{seed}-{number}",
            as_of=at,
            category=None,
            probability=score,
            features=dict(zip(FEATURES.names, row, strict=True)),
            purchases_read=1,
            decision=policy.decide(score),
            model=model,
        )
        for number, (row, score) in enumerate(zip(matrix.tolist(), scores.tolist(), strict=True))
    ]


class Hall:
    """Processes that count what they are asked, over one store."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.store = MemoryStatusStore(self.clock)
        self.days = AskedDays(store=self.store)

    def process(self, name: str = "p") -> AskedCustomers:
        return AskedCustomers(self.clock, process=name)

    def ask(self, process: AskedCustomers, asked: Iterable[Prediction]) -> None:
        for prediction in asked:
            process.answered(prediction)
        while process.count():
            pass
        process.publish(self.days)

    def customers(self, model: ServedModel, day: int = TODAY) -> list[int]:
        """How many each process counted."""
        assert model.reference is not None
        found = self.days.of(NAME, model.version, day, like=model.reference)
        return [int(tally[0].sum()) for tally in found]


@pytest.fixture
def hall() -> Hall:
    return Hall()


class TestCounting:
    @given(st.lists(st.integers(0, 40), max_size=120), st.integers(1, 50))
    def test_each_customer_counts_once_however_the_answers_are_cut(
        self, customers: list[int], size: int
    ) -> None:
        lots = np.array(customers, dtype=np.uint64) * np.uint64(2**57)
        codes = np.array(customers, dtype=np.uint8).reshape(-1, 1) % 20
        whole, parts = CountedDay(1), CountedDay(1)
        whole.add(lots, codes)
        for start in range(0, len(lots), size):
            parts.add(lots[start : start + size], codes[start : start + size])
        once = np.array(sorted(set(customers)), dtype=np.uint8).reshape(-1, 1) % 20
        assert whole.tally.tolist() == parts.tally.tolist() == tally_of(once).tolist()
        assert len(whole) == len(set(customers))

    def test_the_first_answer_of_a_day_counts(self) -> None:
        day = CountedDay(1)
        for code in (3, 7):
            day.add(np.array([9], dtype=np.uint64), np.array([[code]], dtype=np.uint8))
        assert (day.tally[0, 3], day.tally[0, 7]) == (1, 0)

    @given(st.lists(st.integers(0, 2**64 - 1), max_size=100), st.integers(1, 30), st.data())
    def test_of_too_many_the_lowest_lots_stay_whoever_comes_when(
        self, lots: list[int], most: int, data: st.DataObject
    ) -> None:
        day = CountedDay(1, most=most)
        order = data.draw(st.permutations(lots))
        for lot in order:
            code = [[lot % 20 + 1]]
            day.add(np.array([lot], dtype=np.uint64), np.array(code, dtype=np.uint8))
        kept = sorted(set(lots))[:most]
        due = np.array([lot % 20 + 1 for lot in kept], dtype=np.uint8).reshape(-1, 1)
        assert day.tally.tolist() == tally_of(due).tolist()


class TestAProcess:
    def test_many_page_views_of_one_customer_count_once_a_day(self, hall: Hall) -> None:
        model, process = a_model(), hall.process()
        asked = answers(300, model=model)
        hall.ask(process, [*asked, *asked[:5] * 200])
        hall.ask(process, asked[:5] * 200)
        assert hall.customers(model) == [300]
        found = drift_on(hall.days, NAME, 1, model.reference, day=TODAY)
        assert (found.state, found.customers) == (DriftState.NONE, 300)

    def test_versions_and_days_are_counted_apart(self, hall: Hall) -> None:
        one, other, process = a_model(1), a_model(2), hall.process()
        hall.ask(process, [*answers(10, model=one), *answers(20, model=other)])
        hall.clock.now += DAY
        hall.ask(process, answers(30, model=one, at=NOW + DAY))
        assert hall.customers(one) == [10]
        assert hall.customers(other) == [20]
        assert hall.customers(one, TODAY + 1) == [30]

    def test_an_answer_about_the_past_is_not_of_today(self, hall: Hall) -> None:
        model = a_model()
        hall.ask(hall.process(), answers(10, model=model, at=NOW - 3 * DAY))
        assert hall.customers(model) == hall.customers(model, TODAY - 3) == []

    def test_answers_just_before_midnight_count_for_their_day(self, hall: Hall) -> None:
        model, process = a_model(), hall.process()
        midnight = (TODAY + 1) * MICROS_PER_DAY
        hall.clock.now = midnight - 1
        asked = answers(30, model=model, at=midnight - 1)
        for prediction in asked[:20]:
            process.answered(prediction)
        process.count()
        hall.clock.now = midnight + 1
        hall.ask(process, asked[20:])
        assert hall.customers(model) == [30]

    def test_nothing_is_stored_again_that_has_not_changed(self, hall: Hall) -> None:
        model, process = a_model(), hall.process()
        asked = answers(10, model=model)
        hall.ask(process, asked)
        before = hall.store.statuses("serving/")
        hall.clock.now += 1
        hall.ask(process, asked)
        assert hall.store.statuses("serving/") == before

    def test_a_version_without_a_reference_is_unknown(self, hall: Hall) -> None:
        model = replace(a_model(), reference=None)
        hall.ask(hall.process(), answers(300, model=model))
        assert hall.store.statuses("serving/") == []
        found = newest_drift(hall.days, NAME, 1, None, today=TODAY)
        assert (found.state, found.comparison) == (DriftState.UNKNOWN, None)
        assert "train it again" in found.why_not

    def test_memory_is_bounded(self, hall: Hall) -> None:
        process = hall.process()
        first = answers(1, model=a_model())[0]
        for _ in range(MOST_WAITING + 10):
            process.answered(first)
        counted = sum(1 for _ in iter(process.count, False))
        assert counted < MOST_WAITING
        models = [a_model(version, a_reference()) for version in range(1, MOST_VERSIONS + 5)]
        for model in models:
            hall.ask(process, answers(3, model=model))
        assert [hall.customers(model)[0] for model in models[1:]] == [3] * (len(models) - 1)

    def test_no_customer_is_named(self, hall: Hall) -> None:
        hall.ask(hall.process(), answers(3, model=a_model()))
        (status,) = hall.store.statuses("serving/")
        assert b"customer" not in status.content + status.key.encode()


class TestAllProcesses:
    def test_their_counts_are_added(self, hall: Hall) -> None:
        model = a_model()
        for number in range(3):
            hall.ask(hall.process(f"p{number}"), answers(400, model=model, seed=number))
        found = drift_on(hall.days, NAME, 1, model.reference, day=TODAY)
        assert (found.processes, found.customers) == (3, 1_200)
        assert found.independent == pytest.approx(400)
        assert found.state is DriftState.NONE

    def test_customers_who_are_asked_in_every_process_do_not_count_as_more(
        self, hall: Hall
    ) -> None:
        """Of one crowd in ten processes: a difference that is chance stays chance."""
        reference = a_reference(2_000)
        model, alarms = a_model(1, reference), 0
        for draw in range(20):
            day = TODAY + draw
            hall.clock.now = NOW + draw * DAY
            crowd = answers(250, model=model, seed=100 + draw, at=hall.clock.now)
            for number in range(10):
                hall.ask(hall.process(f"p{number}"), crowd)
            found = drift_on(hall.days, NAME, 1, reference, day=day)
            assert (found.customers, round(found.independent)) == (2_500, 250)
            alarms += found.state is DriftState.DRIFT
        assert alarms <= 1

    def test_too_few_are_told_with_their_number(self, hall: Hall) -> None:
        model = a_model()
        hall.ask(hall.process(), answers(150, model=model))
        found = drift_on(hall.days, NAME, 1, model.reference, day=TODAY)
        assert found.state is DriftState.NOT_ENOUGH
        assert "150" in found.why_not
        small = a_model(2, a_reference(120))
        hall.ask(hall.process(), answers(300, model=small))
        found = drift_on(hall.days, NAME, 2, small.reference, day=TODAY)
        assert found.state is DriftState.NOT_ENOUGH
        assert "training" in found.why_not

    def test_until_there_are_enough_yesterday_is_told(self, hall: Hall) -> None:
        model, process = a_model(), hall.process()
        hall.ask(process, answers(300, model=model, times=2.0))
        hall.clock.now += DAY
        hall.ask(process, answers(20, model=model, at=NOW + DAY))
        found = newest_drift(hall.days, NAME, 1, model.reference, today=TODAY + 1)
        assert (found.day, found.state) == (TODAY, DriftState.DRIFT)
        hall.ask(process, answers(300, model=model, seed=6, at=NOW + DAY))
        found = newest_drift(hall.days, NAME, 1, model.reference, today=TODAY + 1)
        assert (found.day, found.state) == (TODAY + 1, DriftState.NONE)
        nothing = newest_drift(hall.days, NAME, 1, model.reference, today=TODAY + 9)
        assert (nothing.day, nothing.state) == (TODAY + 9, DriftState.NOT_ENOUGH)

    def test_a_day_is_compared_with_another_one(self, hall: Hall) -> None:
        model, process = a_model(), hall.process()
        for day, times in enumerate((2.0, 2.0, 4.0)):
            hall.clock.now = at = NOW + day * DAY
            hall.ask(process, answers(900, model=model, seed=day, at=at, times=times))
        like = {"day": TODAY + 1, "against": TODAY}
        assert drift_on(hall.days, NAME, 1, model.reference, **like).state is DriftState.NONE
        like = {"day": TODAY + 2, "against": TODAY}
        assert drift_on(hall.days, NAME, 1, model.reference, **like).state is DriftState.DRIFT

    def test_days_are_kept_for_five_weeks(self, hall: Hall) -> None:
        model = a_model()
        for day in (0, 1):
            hall.clock.now = NOW + day * DAY
            asked = answers(5, model=model, at=hall.clock.now)
            hall.ask(hall.process(), asked)
        hall.days.forget(NAME, today=TODAY + KEPT_DAYS)
        assert hall.customers(model) == [5]
        hall.days.forget(NAME, today=TODAY + KEPT_DAYS + 1)
        assert (hall.customers(model), hall.customers(model, TODAY + 1)) == ([], [5])

    @pytest.mark.parametrize(
        "content", [b"{}", b'{"counts": [[1, 2]]}', b'{"counts": [[-1]]}', b"\xff"]
    )
    def test_damaged_counts_are_named(self, hall: Hall, content: bytes) -> None:
        model = a_model()
        hall.ask(hall.process("p7"), answers(5, model=model))
        (status,) = hall.store.statuses("serving/")
        hall.store.put_status(status.key, content)
        with pytest.raises(CorruptRegistry, match="p7"):
            hall.customers(model)


@given(st.integers(0, 60_000))
def test_a_day_reads_back_as_it_was(day: int) -> None:
    assert parsed(rendered(day)) == day


def test_a_day_is_one_of_utc() -> None:
    assert rendered(day_of(NOW)) == "2026-03-01"
    with pytest.raises(ValueError):
        parsed("yesterday")
