"""An audience asks no more of the store and of the scorer than it must, and less under pressure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.audience import AudienceQuery, AudienceSummary, Member, ReadWay, ScoreAudience
from domain.errors import StoreUnavailable
from domain.pacing import FIRST_PAUSE_S, LONGEST_PAUSE_S
from domain.purchases import Purchase
from domain.recent import RecentBatch
from domain.values import MICROS_PER_DAY, Reach, day_of
from tests.builders import NOW, a_purchase, a_traffic
from tests.fakes import SaturatingScorer
from tests.faulty_store import Faults, FaultyStore

pytestmark = pytest.mark.anyio
SINCE = day_of(NOW) - 31


@dataclass
class CountingScorer:
    """Remembers how many rows each call had."""

    calls: list[int] = field(default_factory=list)

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        self.calls.append(len(matrix))
        return SaturatingScorer().score(matrix)


@dataclass(kw_only=True)
class PressedStore(FaultyStore):
    """Refuses its first batches; remembers how many were under way at each."""

    refusals: int = 0
    at_once: list[int] = field(default_factory=list)
    reading: int = 0

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
        self.reading += 1
        self.at_once.append(self.reading)
        try:
            for _ in range(5):  # long enough for whoever may run beside
                await asyncio.sleep(0)
            if 1 < len(self.at_once) <= 1 + self.refusals:
                raise StoreUnavailable("throttled")
            return await super().read(customer_ids, columns_for=columns_for)
        finally:
            self.reading -= 1


@dataclass(kw_only=True)
class SilentHistory(FaultyStore):
    """Never answers about purchases by time."""

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        self.time.now += 0.1
        raise StoreUnavailable(f"{customer_id} in ({after}, {until}]: throttled")


def bought_yesterday(customers: int) -> list[Purchase]:
    return [
        a_purchase(customer_id=f"c{n:04d}", category="shirts", purchased_at=NOW - MICROS_PER_DAY)
        for n in range(customers)
    ]


async def streamed(
    store: FaultyStore,
    *,
    scorer: CountingScorer | None = None,
    way: ReadWay = ReadWay.BATCH,
    as_of: int = NOW,
    deadline_s: float = 60.0,
) -> tuple[list[Member], AudienceSummary]:
    service = ScoreAudience(index=store, recent=store, history=store, pacing=store.time.pacing())
    query = AudienceQuery(
        category="shirts",
        as_of=as_of,
        traffic=a_traffic(scorer or CountingScorer()),
        deadline_s=deadline_s,
        way=way,
    )
    async with service.stream(query) as (batches, summary):
        return [member async for batch in batches for member in batch], summary


async def test_a_batch_takes_one_call_of_the_scorer_and_the_empty_history_one_in_all() -> None:
    scorer = CountingScorer()
    store = FaultyStore(purchases=bought_yesterday(1_000), complete_since=SINCE, shards=2)
    lapsed = [f"c{n:04d}" for n in range(0, 1_000, 2)]
    store.by_customer = {c: h for c, h in store.by_customer.items() if c not in lapsed}
    members, _ = await streamed(store, scorer=scorer)
    assert len(members) == 1_000
    assert sum(scorer.calls) == 1 + 500
    assert len(scorer.calls) <= 1 + store.batch_reads


async def test_refusals_halve_the_reads_at_once_and_served_ones_raise_them_again() -> None:
    store = PressedStore(
        purchases=bought_yesterday(6_000), complete_since=SINCE, shards=4, refusals=12
    )
    members, _ = await streamed(store)
    assert len(members) == 6_000
    asked, *reads = store.at_once
    assert asked == 1
    assert max(reads[:4]) > 2
    assert max(reads[6:12]) == 1
    assert max(reads[12:]) > 2
    assert max(reads) <= 4


async def test_a_refused_index_lowers_the_reads_at_once_too() -> None:
    store = PressedStore(purchases=bought_yesterday(2_000), complete_since=SINCE, shards=4)
    calm = PressedStore(purchases=bought_yesterday(2_000), complete_since=SINCE, shards=4)
    page, refused = store.page, [0]

    async def refusing(*args: object, **kwargs: object) -> object:
        if refused[0] < 12:
            refused[0] += 1
            raise StoreUnavailable("throttled")
        return await page(*args, **kwargs)  # type: ignore[arg-type]

    store.page = refusing  # type: ignore[method-assign,assignment]
    await streamed(store)
    await streamed(calm)
    assert max(store.at_once[1:6]) < max(calm.at_once[1:6]) == 4


async def test_pauses_have_full_jitter() -> None:
    store = FaultyStore(
        purchases=bought_yesterday(20),
        complete_since=SINCE,
        shards=1,
        faults=Faults(unprocessed=1.0),
    )
    await streamed(store, deadline_s=200.0, way=ReadWay.BATCH)
    pauses = store.time.pauses
    assert len(set(pauses)) > 0.9 * len(pauses) > 50
    assert pauses[0] <= FIRST_PAUSE_S
    assert max(pauses) <= LONGEST_PAUSE_S
    late = pauses[10:-1]
    assert min(late) < LONGEST_PAUSE_S / 8
    assert max(late) > LONGEST_PAUSE_S * 7 / 8


async def test_only_so_many_shards_are_read_side_by_side() -> None:
    store = FaultyStore(purchases=bought_yesterday(3_000), complete_since=SINCE, shards=64)
    await streamed(store)
    assert 1 < store.most_running <= 4


@pytest.mark.parametrize("way", [ReadWay.BATCH, ReadWay.BY_TIME])
async def test_a_purchase_at_the_very_instant_counts_by_time_as_well(way: ReadWay) -> None:
    store = FaultyStore(
        purchases=[a_purchase(customer_id="c1", category="shirts", purchased_at=NOW)],
        complete_since=SINCE,
        faults=Faults(overflowing=1.0),
    )
    (member,), _ = await streamed(store, way=way)
    assert store.history_reads == 1
    assert member.probability
    (before,), _ = await streamed(store, way=way, as_of=NOW - 1)
    assert before.probability == 0.0


async def test_whom_the_history_never_answers_about_is_unread_at_the_deadline() -> None:
    store = SilentHistory(purchases=bought_yesterday(30), complete_since=SINCE)
    members, summary = await streamed(store, way=ReadWay.BY_TIME, deadline_s=5.0)
    assert [member.probability for member in members] == [None] * 30
    assert (summary.unread, summary.partial) == (30, True)
    assert store.time.now < 5.0 + 30
