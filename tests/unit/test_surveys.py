"""Surveys of a server: one of the same at a time, the newest is kept, and no more than fit."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import TypeVar

import pytest

from api.process.surveys import Surveys, SurveyState, SurveyWanted
from domain.audience import AudienceQuery, Range, ScoreAudience, Survey, SurveyAudience
from domain.errors import Busy, NotFound, StoreUnavailable
from tests.builders import NOW, a_traffic
from tests.campaigns import Thousandths, a_store
from tests.doubles.spread import ThreadBeside
from tests.faulty_store import VirtualTime

T = TypeVar("T")


@dataclass
class Bench:
    """Surveys of any category, which wait until they may go on."""

    go_on: threading.Event = field(default_factory=threading.Event)
    fails: Exception | None = None
    now: int = NOW
    version: int = 3

    async def prepare(self, category: str, model: str | None, as_of: int | None) -> SurveyWanted:
        if category == "nothing":
            raise NotFound("nobody ever bought in it")
        return SurveyWanted(
            category=category,
            as_of=self.now if as_of is None else as_of,
            model=model or "propensity",
            revision=1,
            versions=str(self.version),
            expected=600,
        )

    def work(self, wanted: SurveyWanted) -> Callable[[Callable[[object], object]], Survey]:
        def made(tell: Callable[[object], object]) -> Survey:
            tell(100)
            while not self.go_on.wait(0.01):
                tell(200)
            if self.fails is not None:
                raise self.fails
            query = AudienceQuery(
                category="jewellery",
                as_of=wanted.as_of,
                traffic=a_traffic(Thousandths(), version=3),
                deadline_s=60.0,
            )
            store, pacing = a_store(), VirtualTime().pacing()
            audience = ScoreAudience(index=store, recent=store, history=store, pacing=pacing)
            return asyncio.run(SurveyAudience(audience=audience)(query))

        return made

    def surveys(self, **limits: int) -> Surveys:
        return Surveys(prepare=self.prepare, work=self.work, beside=ThreadBeside(), **limits)


def awaited(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """The test on an event loop of its own."""

    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


async def until(look: Callable[[], bool]) -> None:
    while not look():  # noqa: ASYNC110  # threads set it
        await asyncio.sleep(0.01)


async def over(surveys: Surveys, state: SurveyState) -> SurveyState:
    def look() -> bool:
        found = surveys.of(state.wanted.key)
        return found is not None and found.over

    await until(look)
    found = surveys.of(state.wanted.key)
    assert found is not None
    return found


@awaited
async def test_a_survey_is_made_once_for_all_who_ask() -> None:
    bench = Bench()
    surveys = bench.surveys()
    assert await surveys.state("rings") is None
    begun = await surveys.start("rings")
    await until(lambda: (surveys.of(begun.wanted.key) or begun).done == 200)
    again = await surveys.start("rings", anew=True)
    assert (again.done, again.over) == (200, False)
    bench.go_on.set()
    found = await over(surveys, begun)
    assert found.survey is not None
    assert found.survey.figures(Range()).people == 600
    assert await surveys.start("rings") is found is await surveys.state("rings")
    await surveys.stop()


@awaited
async def test_a_newer_one_replaces_it_and_shows_it_meanwhile() -> None:
    bench = Bench()
    bench.go_on.set()
    surveys = bench.surveys()
    first = await over(surveys, await surveys.start("rings"))
    bench.go_on.clear()
    bench.now += 1
    second = await surveys.start("rings", anew=True)
    assert (second.before, second.survey) == (first.survey, None)
    bench.go_on.set()
    newest = (await over(surveys, second)).survey
    assert newest is not None
    assert newest.as_of == NOW + 1
    other = await surveys.start("rings", as_of=NOW - 5)
    assert other.wanted.as_of == NOW - 5
    await surveys.stop()


@awaited
async def test_another_version_has_a_survey_of_its_own() -> None:
    bench = Bench()
    bench.go_on.set()
    surveys = bench.surveys()
    await over(surveys, await surveys.start("rings"))
    bench.version = 4
    assert await surveys.state("rings") is None
    assert (await surveys.start("rings")).before is None
    await surveys.stop()


@awaited
async def test_one_that_fails_says_why_and_may_be_tried_again() -> None:
    bench = Bench(fails=StoreUnavailable("the table is asleep"))
    bench.go_on.set()
    surveys = bench.surveys()
    failed = await over(surveys, await surveys.start("rings"))
    assert (failed.reason, failed.survey) == ("the table is asleep", None)
    bench.fails = None
    assert (await over(surveys, await surveys.start("rings"))).reason is None
    bench.fails = ZeroDivisionError("canary-4711")
    crashed = await over(surveys, await surveys.start("rings", anew=True))
    assert "canary" not in str(crashed.reason)
    assert crashed.before is not None, "what is known is shown on"
    await surveys.stop()


@awaited
async def test_no_more_are_made_at_once_than_fit() -> None:
    bench = Bench()
    surveys = bench.surveys(most=1)
    begun = await surveys.start("rings")
    with pytest.raises(Busy):
        await surveys.start("pearls")
    assert await surveys.state("pearls") is None
    with pytest.raises(NotFound):
        await surveys.start("nothing")
    bench.go_on.set()
    await over(surveys, begun)
    await until(partial(_free, surveys))
    await over(surveys, await surveys.start("pearls"))
    await surveys.stop()


def _free(surveys: Surveys) -> bool:
    return not surveys._errands._threads  # noqa: SLF001  # the thread ends after its survey


@awaited
async def test_only_the_newest_are_kept() -> None:
    bench = Bench()
    bench.go_on.set()
    surveys = bench.surveys(kept=2)
    for category in ("rings", "pearls", "watches"):
        await over(surveys, await surveys.start(category))
        await until(partial(_free, surveys))
    assert await surveys.state("rings") is None
    assert await surveys.state("pearls") is not None
    assert await surveys.state("watches") is not None
    await surveys.stop()


@awaited
async def test_a_server_that_stops_makes_no_more() -> None:
    bench = Bench()
    surveys = bench.surveys()
    begun = await surveys.start("rings")
    await surveys.stop()
    ended = surveys.of(begun.wanted.key)
    assert ended is not None
    assert ended.reason is not None
    with pytest.raises(Busy):
        await surveys.start("pearls")
