"""A category that is spread over more partitions while writers write and readers read."""

import asyncio
import json
from bisect import insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.dynamodb import DynamoCategoryIndex, DynamoCategoryPartitions, DynamoClient
from adapters.dynamodb.categories.listed import TRUST_S
from adapters.dynamodb.schema import category_shard, shard_of
from adapters.dynamodb.wire.transport import Answer, Exchange
from domain.audience import AudienceQuery, ScoreAudience
from domain.categories import CategorySize, IndexPage
from domain.errors import CorruptRecord, NotFound, Rejected, StoreUnavailable
from tests.builders import NOW, a_purchase, a_traffic
from tests.conftest import dynamo_client
from tests.contracts.conftest import SHARDS, Store, dynamo_store, settled
from tests.fakes import SaturatingScorer
from tests.integration.faults import Stopwatch, error, injected
from tests.profiles import examples

CATEGORY = a_purchase().category
CUSTOMERS = st.text(st.sampled_from("ab\uffee😀"), min_size=1, max_size=3)
Write = tuple[str, int]
"""A purchase of a customer, by a writer who knows of so many partitions a shard."""


class Partitions:
    """The index and the item of one category, in memory, as DynamoDB answers about them.

    A page has at most `page_entries`. As many as that, or as the limit, and a key follows,
    whether more do or not.
    """

    def __init__(self, *, shards: int, per_shard: int, page_entries: int) -> None:
        self.page_entries = page_entries
        self.shards = shards
        self.per_shard = per_shard
        self.entries: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._purchases = 0

    def write(self, customer: str, per_shard: int) -> None:
        self.per_shard = max(self.per_shard, per_shard)  # a writer read it there
        self._purchases += 1
        partition = category_shard(CATEGORY, customer, self.shards * per_shard)
        insort(self.entries[partition], (customer, self._purchases))

    async def exchange(self, asked: Exchange) -> Answer:
        request = json.loads(asked.body)
        if asked.headers["x-amz-target"].endswith("GetItem"):
            assert request["ConsistentRead"]
            number = {"N": str(self.per_shard)}
            answer = {"Item": {"category": {"S": CATEGORY}, "partitions_per_shard": number}}
        else:
            answer = self._query(request)
        return Answer(200, json.dumps(answer).encode(), None)

    def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: v["S"] for name, v in request["ExpressionAttributeValues"].items()}
        start = request.get("ExclusiveStartKey")
        begin = ("", 0) if start is None else (start["customer_id"]["S"], int(start["n"]["N"]))
        found = [
            (customer, number)
            for customer, number in self.entries[values[":partition"]]
            if (customer, number) > begin
            and customer > values.get(":after", "")
            and customer >= values.get(":next", "")
            and customer <= values.get(":until", customer)
        ]
        most = min(request.get("Limit", self.page_entries), self.page_entries)
        page = {"Items": [{"customer_id": {"S": customer}} for customer, _ in found[:most]]}
        if len(found) < most:
            return page
        customer, number = found[most - 1]
        key = {"customer_id": {"S": customer}, "n": {"N": str(number)}}
        return page | {"LastEvaluatedKey": key}


@pytest.fixture(scope="module")
def wired() -> DynamoClient:
    """A client whose reads a test answers itself."""
    return dynamo_client("http://127.0.0.1:1")


@settings(max_examples=examples(300))
@given(
    stored=st.builds(
        Partitions,
        shards=st.sampled_from([1, 3]),
        per_shard=st.sampled_from([1, 2, 4, 32]),
        page_entries=st.integers(1, 6),
    ),
    steps=st.lists(
        st.lists(st.tuples(CUSTOMERS, st.sampled_from([4, 4, 2, 1])), max_size=25), max_size=4
    ),
    most=st.sampled_from([1, 2, 5, None]),
)
def test_pages_list_everybody_written_before_and_nobody_twice_whoever_wrote(
    wired: DynamoClient, stored: Partitions, steps: list[list[Write]], most: int | None
) -> None:
    """Some purchases are written before each page, at places that may be behind already."""
    wired.transport.exchange = stored.exchange
    shards = stored.shards
    index = DynamoCategoryIndex(wired, shards=shards)
    for shard in range(shards):
        waiting = [list(step) for step in steps]
        expected: set[str] = {c for entries in stored.entries.values() for c, _ in entries}
        listed: list[str] = []
        more = True
        while more:
            for customer, per_shard in waiting.pop(0) if waiting else []:
                stored.write(customer, per_shard)
                if not listed or customer > listed[-1]:
                    expected.add(customer)
            after = listed[-1] if listed else None
            page = asyncio.run(index.page(CATEGORY, shard=shard, after=after, most=most))
            assert page.customers or not page.more
            assert most is None or len(page.customers) <= 2 * most
            listed += page.customers
            more = page.more
        assert listed == sorted(c for c in expected if shard_of(c, shards) == shard)


def size_of(partitions: int) -> CategorySize:
    return CategorySize(customers=1, partitions=partitions, page_units=1.0)


def partitions_of(client: DynamoClient, *purchase_ids: str) -> list[str]:
    """In which partition of the index each of the customer's purchases is."""
    table = client.purchases.Meta.table_name
    customer = a_purchase().customer_id
    items = [client.connection.get_item(table, customer, each)["Item"] for each in purchase_ids]
    return [item["category_shard"]["S"] for item in items]


@pytest.mark.anyio
async def test_a_writer_learns_of_a_raise_with_the_next_look_at_the_list(
    client: DynamoClient,
) -> None:
    client.monotonic = stopwatch = Stopwatch()
    store = await settled(dynamo_store(client))
    partitions = DynamoCategoryPartitions(client, shards=SHARDS)
    customer = a_purchase().customer_id
    for purchase_id, now in (("first", 0.0), ("trusting", TRUST_S - 1), ("later", TRUST_S)):
        stopwatch.now = now
        with injected(client, "GetItem") as sent:
            await store.recorder.record([a_purchase(purchase_id=purchase_id, purchased_at=NOW)])
        assert ("GetItem" in sent) is (purchase_id != "trusting")
        await partitions.raise_to(CATEGORY, 32 * SHARDS)
    await dynamo_store(client).recorder.record([a_purchase(purchase_id="new", purchased_at=NOW)])
    before, after = (category_shard(CATEGORY, customer, n * SHARDS) for n in (1, 32))
    assert before != after
    stored = partitions_of(client, "first", "trusting", "later", "new")
    assert stored == [before, before, after, after]
    shard = shard_of(customer, SHARDS)
    page = await store.index.page(CATEGORY, shard=shard, after=None, most=None)
    assert (list(page.customers), page.more) == ([customer], False)


@pytest.mark.anyio
async def test_a_number_is_raised_and_never_lowered(client: DynamoClient) -> None:
    store = dynamo_store(client)
    partitions = DynamoCategoryPartitions(client, shards=SHARDS)
    with pytest.raises(NotFound, match="categories list"):
        await partitions.raise_to(CATEGORY, 2 * SHARDS)
    assert await store.index.categories() == {}
    await store.recorder.record([a_purchase(purchased_at=NOW)])
    for per_shard in (1, 4, 4, 32):
        await partitions.raise_to(CATEGORY, per_shard * SHARDS)
        assert await store.index.categories() == {CATEGORY: size_of(per_shard * SHARDS)}
    wrong = [per_shard * SHARDS for per_shard in (0, 3, 16, 64, -4)] + [SHARDS + 1]
    for number in wrong:
        with pytest.raises(Rejected) as refused:
            await partitions.raise_to(CATEGORY, number)
        assert refused.value.field == "partitions"
    assert await store.index.size_of(CATEGORY) == size_of(32 * SHARDS)


@pytest.mark.anyio
async def test_of_two_raises_at_once_the_larger_stays(client: DynamoClient) -> None:
    store = dynamo_store(client)
    await store.recorder.record([a_purchase(purchased_at=NOW)])
    partitions = DynamoCategoryPartitions(client, shards=SHARDS)

    def somebody_else(_: object) -> None:
        other = client.categories(CATEGORY)
        other.update(actions=[client.categories.partitions_per_shard.set(8)])

    with (
        injected(client, "UpdateItem", somebody_else),
        pytest.raises(Rejected, match=f"{8 * SHARDS} already"),
    ):
        await partitions.raise_to(CATEGORY, 2 * SHARDS)
    assert await store.index.size_of(CATEGORY) == size_of(8 * SHARDS)


@pytest.mark.anyio
async def test_a_number_that_no_category_has_is_corrupt(client: DynamoClient) -> None:
    store = dynamo_store(client)
    await store.recorder.record([a_purchase(purchased_at=NOW)])
    number = client.categories.partitions_per_shard
    await asyncio.to_thread(client.categories(CATEGORY).update, actions=[number.set(3)])
    for call in (
        store.index.page(CATEGORY, shard=0, after=None, most=None),
        store.index.size_of(CATEGORY),
        dynamo_store(client).recorder.record([a_purchase(purchase_id="p", purchased_at=NOW)]),
    ):
        with pytest.raises(CorruptRecord, match="3 partitions"):
            await call


@pytest.mark.anyio
@pytest.mark.parametrize("operation", ["GetItem", "Query"])
async def test_a_page_of_which_a_part_is_refused_is_an_error(
    client: DynamoClient, operation: str
) -> None:
    await dynamo_store(client).recorder.record([a_purchase(purchased_at=NOW)])
    store = await dynamo_store(client).spread(CATEGORY, 4)
    refused = [None, None, error("AccessDeniedException")] if operation == "Query" else []
    with (
        injected(client, operation, *(refused or [error("AccessDeniedException")])),
        pytest.raises(StoreUnavailable),
    ):
        await store.index.page(CATEGORY, shard=0, after=None, most=None)


RAISED = {2: 2, 5: 4, 8: 16}
"""Before which page a category is spread over so many partitions a shard."""


class Watched:
    """The index in small pages; before each, something happens, and who was committed is noted."""

    def __init__(self, store: Store) -> None:
        self._index = store.index
        self.shards = store.index.shards
        self.writers = [store]
        self.committed: set[str] = set()
        self.noted: list[tuple[int, str | None, frozenset[str]]] = []
        self.writing: list[asyncio.Task[None]] = []

    async def categories(self) -> Mapping[str, CategorySize]:
        return await self._index.categories()

    async def size_of(self, category: str, /) -> CategorySize | None:
        return await self._index.size_of(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        del most
        number = len(self.noted)
        self.noted.append((shard, after, frozenset(self.committed)))
        if number in RAISED:
            self.writers.append(await self.writers[0].spread(category, RAISED[number]))
        if number < 12:
            for position, writer in enumerate(self.writers):
                names = [f"{letter}{number:02}{position}" for letter in "am"]
                self.writing.append(asyncio.create_task(self.write(writer, names)))
        return await self._index.page(category, shard=shard, after=after, most=1)

    async def write(self, writer: Store, customers: Sequence[str]) -> None:
        for customer in customers:
            await writer.recorder.record([a_purchase(customer_id=customer, purchased_at=NOW)])
            self.committed.add(customer)


@pytest.mark.anyio
async def test_an_audience_misses_nobody_committed_before_their_page_while_all_write(
    client: DynamoClient,
) -> None:
    store = dynamo_store(client)
    watched = Watched(store)
    await watched.write(store, [f"c{number:02}" for number in range(16)])
    audience = ScoreAudience(index=watched, recent=store.recent, history=store.history)
    query = AudienceQuery(
        category=CATEGORY, as_of=NOW, traffic=a_traffic(SaturatingScorer()), deadline_s=120.0
    )
    async with audience.stream(query) as (batches, summary):
        listed = [member.customer_id async for batch in batches for member in batch]
    await asyncio.gather(*watched.writing)
    assert not summary.partial
    assert len(watched.writers) == 4
    assert len(listed) == len(set(listed))
    assert set(listed) <= watched.committed
    owed = {
        customer
        for shard, after, committed in watched.noted
        for customer in committed
        if shard_of(customer, SHARDS) == shard and customer > (after or "")
    }
    assert owed <= set(listed)
    written = client.connection.scan(client.purchases.Meta.table_name)["Items"]
    beyond = {
        item["customer_id"]["S"]
        for item in written
        if int(item["category_shard"]["S"].rpartition("#")[2]) >= SHARDS
    }
    assert owed & beyond
