"""Whatever is written, merged, erased and interrupted: each surviving decision once, to the bit."""

import io
from contextlib import suppress

import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.decision_log.places import DECISIONS, hour_of
from adapters.erasure_marks import END
from domain.decision_log import LoggedDecision
from domain.values import MICROS_PER_DAY
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW
from tests.decision_logs import (
    RETENTION_DAYS,
    Crash,
    EventfulPlace,
    a_reader,
    a_tidying,
    a_writer,
    an_answer,
    an_eraser,
)
from tests.doubles.memory import ManualClock
from tests.profiles import examples

MINUTE = 60_000_000
CUSTOMERS = ["canary", "ä" * 128, "c/1"]
customers = st.sampled_from(CUSTOMERS)
finite = st.floats(allow_nan=False, allow_infinity=False)
calls = st.integers(0, 25)


class LogMachine(RuleBasedStateMachine):
    """`written` are decisions in the log, `waiting` those in memory; `hidden` has ids for good."""

    def __init__(self) -> None:
        super().__init__()
        self.place = EventfulPlace()
        self.clock = ManualClock(NOW)
        self.number = 0
        self.written: dict[str, LoggedDecision] = {}
        self.waiting: dict[str, LoggedDecision] = {}
        self.hidden: set[str] = set()
        self.going_on: set[str] = set()
        self.reader = a_reader(self.place, self.clock)
        self.tidy = a_tidying(self.place, self.clock)
        self.eraser = an_eraser(self.place)
        self.starts()

    def starts(self) -> None:
        """Another process serves, with nothing in memory."""
        self.writer = a_writer(self.place, self.clock)
        self.waiting = {}

    @rule(
        customer=customers,
        features=st.none() | st.lists(finite, min_size=1, max_size=3).map(tuple),
        probability=st.floats(0, 1),
        flag=st.sampled_from([None, "banner"]),
    )
    def decide(
        self,
        customer: str,
        features: tuple[float, ...] | None,
        probability: float,
        flag: str | None,
    ) -> None:
        self.number += 1
        self.clock.now += 1
        answer = an_answer(
            self.clock.now,
            customer,
            features,
            probability=probability,
            flag=flag,
            number=self.number,
        )
        assert self.writer.keep(answer)
        self.waiting[answer.decision_id] = answer.logged()
        if customer in self.going_on:
            self.hidden.add(answer.decision_id)

    @rule()
    def write(self) -> None:
        self.writer.flush()
        self.written |= self.waiting
        self.waiting = {}

    @rule(after=calls)
    def write_and_be_killed(self, after: int) -> None:
        self.place.happens(after, self.crash)
        with suppress(Crash):
            self.writer.flush()
        self.place.nothing_happens()
        there = {each.decision_id for batch in self.reader.between(0, END) for each in batch}
        self.written |= {name: each for name, each in self.waiting.items() if name in there}
        self.starts()

    @staticmethod
    def crash() -> None:
        raise Crash

    @precondition(lambda self: not self.waiting)
    @rule(minutes=st.sampled_from([1, 30, 59, 60, 150, 24 * 60]))
    def wait(self, minutes: int) -> None:
        self.clock.now += minutes * MINUTE

    @rule(customer=customers)
    def begin_erasure(self, customer: str) -> None:
        self.clock.now += 1
        self.eraser.begin(customer, self.clock.now)
        self.going_on.add(customer)
        for name, each in (self.written | self.waiting).items():
            if each.customer_id == customer:
                self.hidden.add(name)

    @rule(customer=customers)
    def finish_erasure(self, customer: str) -> None:
        if customer in self.going_on:
            self.clock.now += 1
            self.eraser.finish(customer, self.clock.now)
            self.going_on.remove(customer)

    @rule()
    def tidies(self) -> None:
        done = self.tidy()
        found = self.read()
        assert not [each for each in found.values() if self.expired(each)]
        closed = {
            name
            for name, each in self.written.items()
            if hour_of(each.as_of) + 2 * MICROS_PER_HOUR <= self.clock.now
        }
        self.check_nothing_is_left_of(self.hidden & closed)
        assert done.erasures_left >= len(self.going_on)
        assert self.tidy() == type(done)(erasures_left=done.erasures_left)

    @rule(after=calls)
    def tidies_and_is_killed(self, after: int) -> None:
        self.place.happens(after, self.crash)
        with suppress(Crash):
            self.tidy()
        self.place.nothing_happens()

    @rule(after=calls)
    def tidies_while_another_does(self, after: int) -> None:
        self.place.happens(after, a_tidying(self.place, self.clock))
        self.tidy()
        self.place.nothing_happens()

    @rule(after=calls)
    def reads_while_it_is_tidied(self, after: int) -> None:
        self.place.happens(after, self.tidy)
        self.check()
        self.place.nothing_happens()

    def expired(self, decision: LoggedDecision) -> bool:
        kept_since = self.clock.now - RETENTION_DAYS * MICROS_PER_DAY
        return hour_of(decision.as_of) + MICROS_PER_HOUR <= kept_since

    def read(self) -> dict[str, LoggedDecision]:
        found = [each for batch in self.reader.between(0, END) for each in batch]
        by_id = {each.decision_id: each for each in found}
        assert len(by_id) == len(found)
        return by_id

    @invariant()
    def check(self) -> None:
        found = self.read()
        assert not found.keys() - self.written.keys()
        for name, decision in self.written.items():
            if name in found:
                self.check_is(found[name], decision)
            else:
                assert self.expired(decision)

    def check_is(self, found: LoggedDecision, decision: LoggedDecision) -> None:
        if decision.decision_id not in self.hidden:
            assert repr(found) == repr(decision)  # of floats each bit
            return
        assert found.customer_id is None
        assert found.scored is None or found.scored.features == ()
        assert (found.as_of, found.variant) == (decision.as_of, decision.variant)

    def check_nothing_is_left_of(self, names: set[str]) -> None:
        for key in self.place.keys(DECISIONS):
            for row in pq.read_table(io.BytesIO(self.place.get(key))).to_pylist():
                if row["decision_id"] in names:
                    assert (row["customer"], row["features"]) == (None, None)


LogMachine.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=30)
TestLogMachine = LogMachine.TestCase
