"""An audience over several processes is the audience of one, whoever is lost on the way."""

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from time import sleep
from typing import Any

import pytest

from domain.audience import AudienceQuery, AudienceSummary, Member, Piece, SpreadAudience
from domain.categories import Position
from domain.errors import CorruptRecord, StoreUnavailable
from domain.spreading import MOST_TRIES
from domain.values import MICROS_PER_DAY, day_of
from tests.builders import NOW, a_purchase
from tests.doubles.spread import MemoryParts, ThreadWorkers, Unreliable
from tests.faulty_store import Faults, FaultyStore
from tests.unit.test_audience_properties import (
    a_bad_day,
    buyers,
    query,
    service,
    some_as_of,
    streamed,
    true_score,
)


def scorer(
    store: FaultyStore, asked: AudienceQuery, parts: MemoryParts, most: int
) -> Callable[[Position], Piece]:
    """Scores a piece as a worker does: whoever runs it, one deadline holds."""
    ends_at = store.time.seconds() + asked.deadline_s

    async def scored(position: Position) -> tuple[list[Member], AudienceSummary]:
        left = max(0.0, ends_at - store.time.seconds())
        mine = replace(asked, within=[position], most=most, deadline_s=left)
        members: list[Member] = []
        async with service(store).stream(mine) as (batches, summary):
            async for batch in batches:
                members += batch
        return sorted(members, key=lambda member: member.customer_id), summary

    def score(position: Position) -> Piece:
        members, summary = asyncio.run(scored(position))
        return Piece(position, parts.write(members), summary)

    return score


def spread(
    store: FaultyStore,
    asked: AudienceQuery,
    *,
    workers: ThreadWorkers | Unreliable,
    parts: MemoryParts | None = None,
    most: int = 10,
) -> SpreadAudience:
    parts = parts or MemoryParts()
    return SpreadAudience(
        score=scorer(store, asked, parts, most),
        parts=parts,
        workers=workers,
        shards=store.shards,
        pacing=store.time.pacing(),
    )


async def all_of(
    service: SpreadAudience, asked: AudienceQuery
) -> tuple[list[Member], AudienceSummary]:
    members: list[Member] = []
    async with service.stream(asked) as (batches, summary):
        async for batch in batches:
            members += batch
    return members, summary


def a_good_day(seed: int) -> FaultyStore:
    store = a_bad_day(seed)
    store.faults = Faults()
    return store


@pytest.mark.parametrize("most", [1, 2, 7, 100, 1_000])
def test_pieces_of_any_size_are_the_whole_audience_and_its_summary(most: int) -> None:
    for seed in range(20):
        store, asked = a_good_day(seed), query()
        whole, expected = asyncio.run(streamed(store, asked))
        members, summary = asyncio.run(
            all_of(spread(store, asked, workers=ThreadWorkers(1), most=most), asked)
        )
        assert sorted(members, key=lambda m: m.customer_id) == sorted(
            whole, key=lambda m: m.customer_id
        )
        assert summary.expected_buyers == expected.expected_buyers  # to the last bit
        assert (summary.scored, summary.unread, summary.way) == (
            expected.scored,
            expected.unread,
            expected.way,
        )


def test_members_come_in_the_order_of_their_shards_and_ids() -> None:
    store, asked = a_good_day(4), query()
    first, _ = asyncio.run(all_of(spread(store, asked, workers=ThreadWorkers(1)), asked))
    again, _ = asyncio.run(all_of(spread(store, asked, workers=Unreliable(1, 0.2), most=7), asked))
    assert first == again


def run_scenario(seed: int) -> bool:
    """A bad day with bad workers; whether everybody was scored all the same."""
    as_of = some_as_of(seed)
    store = a_bad_day(seed, as_of)
    dice = random.Random(seed)
    workers = Unreliable(seed, dice.choice([0.05, 0.3, 0.6]))
    asked = query(as_of=as_of, deadline_s=dice.choice([0.0, 5.0, 600.0, 600.0]))
    parts = MemoryParts()
    try:
        members, summary = asyncio.run(
            all_of(
                spread(
                    store, asked, workers=workers, parts=parts, most=dice.choice([3, 40, 1_000])
                ),
                asked,
            )
        )
    except StoreUnavailable:  # nobody could be listed
        assert parts.manifest is None
        return False
    customers = [member.customer_id for member in members]
    assert len(customers) == len(set(customers))
    assert set(customers) <= buyers(store)
    assert set(customers) == buyers(store) or summary.unlisted
    for member in members:
        assert member.probability in {None, true_score(store, member.customer_id, as_of)}
    assert summary.unread == sum(member.probability is None for member in members)
    assert summary.scored + summary.unread == len(members)
    assert parts.manifest is not None
    assert parts.manifest.summary.partial == bool(summary.unread or summary.unlisted)
    return not summary.partial


@pytest.mark.full
def test_whoever_is_lost_nobody_is_lost_or_doubled() -> None:
    whole = [run_scenario(seed) for seed in range(200)]
    assert 20 < sum(whole) < 180  # both kinds of days were met


class Watched(ThreadWorkers):
    """Four threads, and how many calls were under way at each new one."""

    def __init__(self) -> None:
        super().__init__(4)
        self.under_way: list[int] = []

    @contextmanager
    def open(self) -> Iterator[Executor]:
        with super().open() as threads:
            yield Watching(threads, self.under_way)


class Watching(Executor):
    def __init__(self, threads: Executor, under_way: list[int]) -> None:
        self._threads, self._under_way = threads, under_way
        self._calls: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._calls = [call for call in self._calls if not call.done()]
        self._calls.append(self._threads.submit(fn, *args, **kwargs))
        self._under_way.append(len(self._calls))
        return self._calls[-1]


def test_where_the_store_refuses_anybody_fewer_pieces_run_at_once() -> None:
    workers, parts = Watched(), MemoryParts()

    def score(position: Position) -> Piece:
        while len(workers.under_way) < 8:
            sleep(0.001)  # until every worker has a piece, and the next one at hand
        summary = AudienceSummary(scored=1, refusals=1)
        return Piece(position, parts.write([Member(f"c{position.shard:03}", 0.5)]), summary)

    service = SpreadAudience(score=score, parts=parts, workers=workers, shards=60)
    members, _ = asyncio.run(all_of(service, query()))
    assert len(members) == 60
    assert workers.under_way[7] == 8
    assert max(workers.under_way[-20:]) == 1


def test_a_piece_that_kills_whoever_scores_it_ends_as_a_named_partial_answer() -> None:
    store, asked = a_good_day(4), query()
    parts = MemoryParts()
    score = scorer(store, asked, parts, 1_000)
    tried = 0

    def deadly(position: Position) -> Piece:
        nonlocal tried
        if position.shard == 0:
            tried += 1
            raise Unreliable.lost[0]("out of memory")
        return score(position)

    service = replace(spread(store, asked, workers=ThreadWorkers(1), parts=parts), score=deadly)
    members, summary = asyncio.run(all_of(service, asked))
    assert tried == MOST_TRIES + 1
    assert (summary.unlisted, summary.partial) == ({0}, True)
    assert len(members) == summary.scored > 0


@pytest.mark.parametrize(
    "error", [CorruptRecord("no purchase"), StoreUnavailable("no permission", transient=False)]
)
def test_what_trying_again_cannot_mend_ends_it_at_once(error: Exception) -> None:
    store, asked = a_good_day(4), query()
    parts = MemoryParts()

    def refused(_: Position) -> Piece:
        raise error

    service = replace(spread(store, asked, workers=ThreadWorkers(1), parts=parts), score=refused)
    with pytest.raises(type(error), match=str(error)):
        asyncio.run(all_of(service, asked))
    assert parts.manifest is None


def test_what_every_piece_cost_is_in_the_summary() -> None:
    purchases = [
        a_purchase(customer_id=f"c{n}", category="shirts", purchased_at=NOW - MICROS_PER_DAY)
        for n in range(30)
    ]
    store = FaultyStore(purchases=purchases, complete_since=day_of(NOW) - 31)
    asked = query()
    _, summary = asyncio.run(all_of(spread(store, asked, workers=ThreadWorkers(1)), asked))
    assert summary.cost.round_trips > 2 * store.shards
    assert summary.cost.reads.measured >= 30
