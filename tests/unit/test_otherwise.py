"""What another version would have decided of logged decisions."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.decision_log import LoggedDecision, Scored
from domain.decisions import Flag, TopShare
from domain.errors import InvalidRequest, StoreUnavailable
from domain.prediction import Arm
from domain.purchases import Purchase
from domain.replay import DecideOtherwise, Otherwise, newest_decisions
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW, a_policy, a_served_model
from tests.fakes import SaturatingScorer

MODEL = a_served_model(SaturatingScorer()).name


class Always:
    """A scorer that answers everyone alike."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return np.full(len(matrix), self.probability)


class NoPurchases:
    """A history in which nobody ever bought; before `known` nobody knows."""

    def __init__(self, known: int = 0) -> None:
        self.known = known

    async def between(self, _: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        assert after < until
        if until < self.known:
            raise InvalidRequest("as_of", "lies before purchases are kept")
        return []


class Silent:
    """A history that does not answer, now or for want of a right."""

    def __init__(self, *, transient: bool) -> None:
        self.transient = transient

    async def between(self, _: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        assert after < until
        raise StoreUnavailable("no answer", transient=self.transient)


class Log:
    """Decisions by the hour, and which hours were read."""

    def __init__(self, decisions: Sequence[LoggedDecision]) -> None:
        self.decisions = sorted(decisions, key=lambda each: each.as_of)
        self.read: list[tuple[int, int]] = []

    def between(self, start: int, end: int, /) -> Iterator[Sequence[LoggedDecision]]:
        self.read.append((start, end))
        yield [each for each in self.decisions if start <= each.as_of < end]

    def find(self, decision_id: str, /) -> LoggedDecision | None:
        raise NotImplementedError


def a_decision(
    *, acted: bool = False, at: int = NOW - 1, flag: str | None = None, model: str = MODEL
) -> LoggedDecision:
    scored = Scored(
        model=model,
        version=1,
        revision=1,
        arm=Arm.CHAMPION,
        horizon_days=30,
        category=None,
        features=(0.0,),
        probability=0.1,
    )
    return LoggedDecision(
        decision_id="one",
        as_of=at,
        route="/v1",
        customer_id="customer-1",
        flag=flag,
        variant=None,
        acted=acted,
        held_out=False,
        scored=scored,
    )


def decided(
    decisions: Sequence[LoggedDecision], probability: float, *flags: Flag, known: int = 0
) -> Otherwise:
    decide = DecideOtherwise(
        history=NoPurchases(known), flags={each.key: each for each in flags}, policy=a_policy()
    )
    model = replace(a_served_model(Always(probability)), held_out=np.linspace(0.0, 1.0, 101))
    return asyncio.run(decide(decisions, model))


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([0.1, 0.5, 0.9]))
def test_more_and_fewer_are_what_differs(acted: list[bool], probability: float) -> None:
    acts = 0.2 <= probability <= 0.8
    found = decided([a_decision(acted=each) for each in acted], probability)
    assert found.decisions == len(acted)
    assert found.more == (acted.count(False) if acts else 0)
    assert found.fewer == (0 if acts else acted.count(True))
    assert found.changed == ((found.more + found.fewer) / len(acted) if acted else None)


def test_a_decision_of_a_flag_is_by_its_policy() -> None:
    flag = replace(Flag.banner(a_policy()), policy=TopShare(1_000))
    decisions = [a_decision(flag=flag.key), a_decision(flag=flag.key, acted=True)]
    assert decided(decisions, 0.95, flag).more == 1
    assert decided(decisions, 0.85, flag).fewer == 1


def test_what_cannot_be_decided_again_is_counted_apart() -> None:
    decisions = [a_decision(flag="gone"), a_decision(at=5), a_decision()]
    found = decided(decisions, 0.5, known=10)
    assert (found.decisions, found.left_out, found.more) == (1, 2, 1)


def test_who_cannot_be_read_in_time_is_counted_apart_and_a_missing_right_is_told() -> None:
    model, decisions = a_served_model(Always(0.5)), [a_decision()] * 3
    slow, barred = (
        DecideOtherwise(history=Silent(transient=each), flags={}, policy=a_policy())
        for each in (True, False)
    )
    found = asyncio.run(slow(decisions, model))
    assert (found.decisions, found.left_out, found.changed) == (0, 3, None)
    with pytest.raises(StoreUnavailable):
        asyncio.run(barred(decisions, model))


@given(st.lists(st.integers(1, 24 * 9), max_size=40), st.integers(1, 20))
def test_the_newest_decisions_are_found_without_reading_more_than_is_needed(
    ages_h: list[int], most: int
) -> None:
    log = Log([a_decision(at=NOW - age * MICROS_PER_HOUR) for age in ages_h])
    found = newest_decisions(log, MODEL, most=most, now=NOW)
    within = sorted(age for age in ages_h if age <= 24 * 7)
    assert [(NOW - each.as_of) // MICROS_PER_HOUR for each in reversed(found)] == within[:most]
    if len([age for age in ages_h if age <= 1]) >= most:
        assert len(log.read) == 1


def test_decisions_of_others_and_of_erased_customers_are_none() -> None:
    others = [
        a_decision(model="another"),
        replace(a_decision(), customer_id=None),
        replace(a_decision(), scored=None),
    ]
    assert newest_decisions(Log(others), MODEL, most=5, now=NOW) == []
