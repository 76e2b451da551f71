import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from domain.audience import AudienceQuery, Member, ReadWay, ScoreAudience
from domain.audience.cost_plan import PAGE_BYTES, plan
from domain.audience.reads import NOBODY
from domain.categories import IndexPage, Position
from domain.cost import BYTES_PER_UNIT, INDEX_ENTRY_BYTES, metered
from domain.errors import CorruptRecord, StoreUnavailable
from domain.pacing import LONGEST_PAUSE_S, AdaptiveLimit
from domain.recent import RecentBatch, TableSize
from domain.values import MICROS_PER_DAY, Reach, day_of
from tests.builders import NOW, a_category, a_purchase, a_traffic, missing
from tests.fakes import SaturatingScorer
from tests.faulty_store import Faults, FaultyStore, VirtualTime

pytestmark = pytest.mark.anyio
SINCE = day_of(NOW) - 31


def a_store(customers: int, **options: object) -> FaultyStore:
    """So many customers of shirts, each with one purchase of yesterday."""
    purchases = [
        a_purchase(customer_id=f"c{n:06d}", category="shirts", purchased_at=NOW - MICROS_PER_DAY)
        for n in range(customers)
    ]
    return FaultyStore(purchases=purchases, complete_since=SINCE, **options)  # type: ignore[arg-type]


def a_service(store: FaultyStore) -> ScoreAudience:
    return ScoreAudience(index=store, recent=store, history=store, pacing=store.time.pacing())


def a_query(**changes: object) -> AudienceQuery:
    values: dict[str, object] = {
        "category": "shirts",
        "as_of": NOW,
        "traffic": a_traffic(SaturatingScorer()),
        "deadline_s": 60.0,
    }
    return AudienceQuery(**(values | changes))  # type: ignore[arg-type]


async def everybody(store: FaultyStore, query: AudienceQuery) -> list[Member]:
    async with a_service(store).stream(query) as (batches, _):
        return [member async for batch in batches for member in batch]


@pytest.mark.parametrize(("customers", "shards", "page_size"), [(1_050, 4, 300), (100, 16, 1_000)])
async def test_round_trips_are_bounded(customers: int, shards: int, page_size: int) -> None:
    store = a_store(customers, shards=shards, page_size=page_size)
    async with a_service(store).stream(a_query()) as (batches, summary):
        async for _ in batches:
            pass
    assert store.batch_reads + store.index_pages <= (
        customers / 100 + sum(-(-len(m) // page_size) for m in store.members.values()) + 2 * shards
    )
    assert summary.cost.round_trips == store.batch_reads + store.index_pages
    assert summary.cost.reads.total == customers + 1 + 0.5 * store.index_pages


async def test_a_stream_costs_what_it_reads_and_not_what_its_consumer_does() -> None:
    store = a_store(300)
    with metered() as campaign:
        await store.size()
        await store.between("c000001", after=0, until=NOW)
        async with a_service(store).stream(a_query()) as (batches, summary):
            async for _ in batches:
                await store.between("c000001", after=0, until=NOW)
    assert summary.cost.round_trips == store.batch_reads + store.index_pages
    assert campaign.round_trips == summary.cost.round_trips + store.history_reads
    assert store.history_reads > 1


async def test_a_slow_reader_slows_the_reads() -> None:
    store = a_store(20_000, shards=8)
    async with a_service(store).stream(a_query()) as (batches, _):
        await anext(aiter(batches))
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert store.batch_reads <= 1 + 2 * 4 + 4


async def test_leaving_early_stops_all_reading() -> None:
    store = a_store(5_000)
    async with a_service(store).stream(a_query()) as (batches, _):
        await anext(aiter(batches))
    reads = store.batch_reads
    for _ in range(100):
        await asyncio.sleep(0)
    assert store.batch_reads == reads


async def test_a_customer_without_recent_purchases_is_scored_once_and_not_read_again() -> None:
    store = a_store(3)
    store.complete_since = day_of(NOW) - 31
    store.by_customer = {}
    members = await everybody(store, a_query())
    assert [member.probability for member in members] == [0.0] * 3
    assert store.history_reads == 0


async def test_an_old_as_of_is_answered_by_time() -> None:
    store = a_store(7)
    members = await everybody(store, a_query(as_of=NOW - 3 * MICROS_PER_DAY))
    assert [member.probability for member in members] == [0.0] * 7
    assert store.history_reads == 7


async def test_a_refusal_that_retrying_cannot_mend_is_raised() -> None:
    class Forbidden(FaultyStore):
        async def read(
            self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
        ) -> RecentBatch:
            raise StoreUnavailable(f"{len(customer_ids)} forbidden, {columns_for}", transient=False)

    store = Forbidden(purchases=a_store(3).purchases, complete_since=SINCE)
    with pytest.raises(StoreUnavailable, match="forbidden"):
        await everybody(store, a_query())


async def test_a_model_that_scores_no_probability_is_refused() -> None:
    class Wild(SaturatingScorer):
        def score(self, matrix, /):  # type: ignore[no-untyped-def]
            return super().score(matrix) + 2

    wild = a_traffic(Wild(), version=7)
    with pytest.raises(CorruptRecord) as caught:
        await everybody(a_store(3), a_query(traffic=wild))
    assert not missing(caught.value, 7, wild.name)


async def test_one_customer_that_stays_unread_does_not_starve_the_others() -> None:
    class Grudge(FaultyStore):
        async def read(
            self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
        ) -> RecentBatch:
            assert columns_for or list(customer_ids) == [NOBODY]
            batch = await super().read(customer_ids)
            kept = [h for h in batch.histories if h.customer_id != "c000007"]
            return replace(
                batch, histories=kept, unread=[c for c in customer_ids if c == "c000007"]
            )

    store = Grudge(purchases=a_store(20_000).purchases, complete_since=SINCE, shards=2)
    async with a_service(store).stream(a_query(deadline_s=30.0)) as (batches, summary):
        async for _ in batches:
            pass
    assert (summary.scored, summary.unread) == (19_999, 1)


async def test_a_shard_that_cannot_be_listed_makes_the_answer_partial() -> None:
    class Torn(FaultyStore):
        async def page(
            self, category: str, /, *, shard: int, after: str | None, most: int | None
        ) -> IndexPage:
            if shard == 1:
                self.time.now += 0.5
                raise StoreUnavailable("refused")
            return await super().page(category, shard=shard, after=after, most=most)

    store = Torn(purchases=a_store(50).purchases, complete_since=SINCE)
    async with a_service(store).stream(a_query(deadline_s=5.0)) as (batches, summary):
        listed = {member.customer_id async for batch in batches for member in batch}
    assert summary.unlisted_shards == 1
    assert summary.partial
    assert listed == {
        customer
        for (_, shard), members in store.members.items()
        if shard != 1
        for customer in members
    }


async def test_a_category_of_which_nothing_can_be_listed_is_an_error_and_not_empty() -> None:
    store = a_store(50, faults=Faults(refused=1.0, seconds_a_call=0.1))
    with pytest.raises(StoreUnavailable):
        await everybody(store, a_query(deadline_s=1.0))
    assert store.index_pages == 0


async def test_reads_by_time_are_bounded_and_cost_units() -> None:
    store = a_store(300)
    query = a_query(as_of=NOW - 3 * MICROS_PER_DAY)
    async with a_service(store).stream(query) as (batches, summary):
        async for _ in batches:
            pass
    assert summary.way is ReadWay.BY_TIME
    assert store.batch_reads == 1
    assert store.most_running <= 4 + 4
    assert summary.cost.reads.computed == 300


async def test_a_scan_that_is_refused_falls_back_to_batches() -> None:
    class Unscannable(FaultyStore):
        async def scan(
            self,
            *,
            segment: int,
            segments: int,
            bought_in: str | None = None,
            columns_for: Reach | None = None,
        ) -> AsyncIterator[RecentBatch]:
            for batch in list[RecentBatch]():
                yield batch
            raise StoreUnavailable(
                f"{bought_in}: segment {segment} of {segments} refused, {columns_for}"
            )

    store = Unscannable(purchases=a_store(30).purchases, complete_since=SINCE)
    async with a_service(store).stream(a_query(way=ReadWay.SCAN)) as (batches, summary):
        members = [member async for batch in batches for member in batch]
    assert (len(members), summary.unread, summary.way) == (30, 0, ReadWay.BATCH)


async def test_a_page_ends_before_the_first_customer_it_cannot_read() -> None:
    class Grudge(FaultyStore):
        async def read(
            self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
        ) -> RecentBatch:
            assert columns_for or list(customer_ids) == [NOBODY]
            batch = await super().read(customer_ids)
            self.time.now += 0.5
            kept = [h for h in batch.histories if h.customer_id != "c000007"]
            unread = [c for c in customer_ids if c == "c000007"]
            return replace(batch, histories=kept, unread=unread)

    store = Grudge(purchases=a_store(20).purchases, complete_since=SINCE, shards=1)
    service, query = a_service(store), a_query(deadline_s=3.0)
    page = await service.page(query, position=Position(), most=20)
    assert [m.customer_id for m in page.members] == [f"c{n:06d}" for n in range(7)]
    assert page.following == Position(0, "c000006")
    with pytest.raises(StoreUnavailable):
        await service.page(query, position=page.following, most=20)


async def test_round_trips_of_pages_are_bounded() -> None:
    store = a_store(1_000, shards=16)
    page = await a_service(store).page(a_query(), position=Position(), most=1_000)
    assert len(page.members) == 1_000
    assert (store.index_pages, store.batch_reads) == (16, 10)


async def test_the_limit_halves_when_refused_and_grows_slowly() -> None:
    limit = AdaptiveLimit(8)
    limit.refused()
    assert limit.limit == 4
    for _ in range(4):
        limit.served()
    assert limit.limit == 4
    limit.served()
    assert limit.limit == 5
    for _ in range(10):
        limit.refused()
    assert limit.limit == 1
    for _ in range(100):
        limit.served()
    assert limit.limit == 8


async def test_no_more_reads_run_at_once_than_the_limit_says() -> None:
    limit = AdaptiveLimit(3)
    running = most = 0

    async def read() -> None:
        nonlocal running, most
        async with limit.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(read() for _ in range(20)))
    assert most == 3


def test_pauses_have_full_jitter_and_a_ceiling() -> None:
    pacing = VirtualTime().pacing()
    assert all(0 <= pacing.pause_after(n) <= min(LONGEST_PAUSE_S, 0.025 * 2**n) for n in range(30))
    assert len({pacing.pause_after(20) for _ in range(20)}) == 20


def test_the_cheaper_way_is_planned_and_says_why() -> None:
    few = plan(
        category=a_category(1_000_000), shards=16, recent=TableSize(items=10_000, bytes=6_000_000)
    )
    assert few.way is ReadWay.SCAN
    assert not missing(few.why, "10,000")
    many = plan(
        category=a_category(1_000), shards=16, recent=TableSize(items=900_000, bytes=540_000_000)
    )
    assert many.way is ReadWay.BATCH
    assert many.round_trips == 16 + 16 + 10
    assert many.least_seconds(1_000) == pytest.approx(many.units / 1_000)


def test_a_category_that_is_spread_further_is_planned_with_all_its_partitions() -> None:
    recent = TableSize(items=900_000, bytes=540_000_000)
    few = plan(category=a_category(1_000), shards=16, recent=recent)
    spread = plan(category=a_category(1_000, partitions=64), shards=16, recent=recent)
    assert spread.round_trips == few.round_trips + 48
    entries = 1_000 * INDEX_ENTRY_BYTES / BYTES_PER_UNIT
    assert spread.units == pytest.approx(few.units - entries / 2 + 64 / 2)
    large = plan(category=a_category(50_000_000, partitions=64), shards=16, recent=recent)
    pages = 50_000_000 * INDEX_ENTRY_BYTES / PAGE_BYTES
    assert large.round_trips == pytest.approx(pages + pages / 4 + 515, rel=0.01)


def test_a_scan_that_does_not_fit_into_memory_is_not_planned() -> None:
    huge = TableSize(items=2_000_000, bytes=2_000_000_000)
    found = plan(category=a_category(50_000_000), shards=16, recent=huge)
    assert (found.way, "2,000,000" in found.why) == (ReadWay.BATCH, True)


def test_a_way_asked_for_is_taken() -> None:
    found = plan(
        category=a_category(1_000_000),
        shards=16,
        recent=TableSize(items=0, bytes=0),
        chosen=ReadWay.BATCH,
    )
    assert found.way is ReadWay.BATCH
