"""The audience on real purchases in DynamoDB: what the single-customer path says, bit for bit."""

from collections import Counter

import pytest
from botocore.awsrequest import AWSPreparedRequest

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.dynamodb import DynamoCategoryPartitions, DynamoClient
from adapters.dynamodb.schema.attributes import category_shard
from adapters.seen_ids import TemporarySeenIds
from domain.audience import AudienceQuery, Member, PlanAudience, ReadWay, ScoreAudience
from domain.categories import Position
from domain.cost import metered
from domain.features import Feature, FeatureSet
from domain.features.aggregation import KEPT_FOR_EVER
from domain.prediction import PredictPropensity, SharedScores
from domain.purchases import Conventions, ImportPurchases, Outcome
from domain.recent import ByTime
from domain.values import MICROS_PER_DAY, Consistency, Window
from tests.builders import NOW, OF_PURCHASES, USD, a_policy, a_purchase, a_traffic, take_in
from tests.contracts.conftest import SHARDS, Store, dynamo_store, settled
from tests.doubles.memory import ManualClock
from tests.fakes import SaturatingScorer
from tests.integration.faults import Fault, error, injected, time_out, with_parameters
from tests.integration.test_read_faults import leave_unread

pytestmark = pytest.mark.anyio

MODEL = a_traffic(
    SaturatingScorer(),
    features=FeatureSet(
        (
            *(Feature(kind, Window.days(days)) for kind in OF_PURCHASES for days in (7, 30)),
            *(Feature(kind, None) for kind in sorted(KEPT_FOR_EVER)),
        ),
        USD,
    ),
)


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    """Six households of the sample."""
    store = await settled(dynamo_store(client))
    counts = await ImportPurchases(seen=TemporarySeenIds, take_in=take_in(store.recorder))(
        CompleteJourneyPurchases(now=NOW, households=6),
        conventions=Conventions(default_currency=True),
        on_refused=lambda _: None,
        on_progress=lambda _: None,
    )
    assert counts[Outcome.RECORDED] == counts.total() > 400
    return store


def service(store: Store) -> ScoreAudience:
    return ScoreAudience(index=store.index, recent=store.recent, history=store.history)


def query(as_of: int = NOW, way: ReadWay = ReadWay.BATCH) -> AudienceQuery:
    return AudienceQuery(category="meat", as_of=as_of, traffic=MODEL, deadline_s=120.0, way=way)


async def streamed(store: Store, asked: AudienceQuery) -> dict[str, float | None]:
    async with service(store).stream(asked) as (batches, _):
        members = [member async for batch in batches for member in batch]
    assert len({member.customer_id for member in members}) == len(members)
    return {member.customer_id: member.probability for member in members}


async def one_by_one(store: Store, asked: AudienceQuery) -> dict[str, float]:
    """Every buyer of the category, through the service behind the single-customer endpoint."""
    predict = PredictPropensity(
        score=SharedScores({Consistency.STRONG: ByTime(store.history)}),
        traffic=lambda _: MODEL,
        policy=a_policy(),
        clock=ManualClock(NOW),
    )
    rows = CompleteJourneyPurchases(now=NOW, households=6).rows()
    raws = [row.raw for row in rows if row.raw]
    buyers = {str(raw["customer_id"]) for raw in raws if raw["category"] == asked.category}
    return {
        customer: (await predict(customer, as_of=asked.as_of)).probability for customer in buyers
    }


@pytest.mark.parametrize("age_days", [0, pytest.param(200, marks=pytest.mark.full)])
async def test_the_audience_equals_the_single_customers_bit_for_bit(
    store: Store, age_days: int
) -> None:
    asked = query(as_of=NOW - age_days * MICROS_PER_DAY)
    expected = await one_by_one(store, asked)
    assert len(expected) > 4
    assert await streamed(store, asked) == expected
    scanned = query(as_of=asked.as_of, way=ReadWay.SCAN)
    assert await streamed(store, scanned) == expected


@pytest.mark.full
async def test_pages_are_the_same_audience(store: Store) -> None:
    members: list[Member] = []
    position: Position | None = Position()
    while position is not None:
        page = await service(store).page(query(), position=position, most=7)
        members += page.members
        position = page.following
    assert {m.customer_id: m.probability for m in members} == await one_by_one(store, query())


FAULTS: dict[str, list[Fault | None]] = {
    "every key left unprocessed at first": [leave_unread(100), leave_unread(100)],
    "some keys left unprocessed": [leave_unread(3), leave_unread(1), leave_unread(2)],
    "throttled": [error("ProvisionedThroughputExceededException")] * 2,
    "never arrived": [time_out, None, time_out],
}


@pytest.mark.full
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_faults_at_the_wire_lose_nobody(
    client: DynamoClient, store: Store, faults: list[Fault | None]
) -> None:
    with injected(client, "BatchGetItem", *faults):
        found = await streamed(store, query())
    assert found == await one_by_one(store, query())


@pytest.mark.full
async def test_round_trips_are_bounded(client: DynamoClient) -> None:
    store, page_size = await settled(dynamo_store(client)), 15
    customers = [f"customer-{number}" for number in range(400)]
    for customer in customers:
        bought = a_purchase(customer_id=customer, category="meat", purchased_at=NOW)
        await store.recorder.record([bought])
    shards = Counter(category_shard("meat", c, store.index.shards) for c in customers)
    pages = sum(members // page_size + 1 for members in shards.values())
    assert pages > 6 * store.index.shards

    def small(request: AWSPreparedRequest) -> None:
        with_parameters(request, Limit=page_size)

    with (
        injected(client, "Query", *[small] * (pages + 1), all_met=False) as sent,
        metered() as all_,
    ):
        async with service(store).stream(query()) as (batches, summary):
            found = {member.customer_id async for batch in batches for member in batch}
    assert found == set(customers)
    assert Counter(sent).keys() == {"Query", "GetItem", "BatchGetItem"}
    assert sent.count("GetItem") == sent.count("Query") <= pages
    assert len(sent) <= len(customers) / 100 + 2 * (pages + store.index.shards)
    assert summary.cost.round_trips == all_.round_trips == len(sent)


@pytest.mark.parametrize("way", ReadWay)
@pytest.mark.parametrize(
    ("age_days", "partitions"),
    [
        (0, SHARDS),
        pytest.param(0, 4 * SHARDS, marks=pytest.mark.full),
        pytest.param(200, SHARDS, marks=pytest.mark.full),
    ],
)
async def test_a_plan_costs_at_most_what_reading_consumes_and_hardly_less(
    client: DynamoClient, store: Store, way: ReadWay, age_days: int, partitions: int
) -> None:
    await DynamoCategoryPartitions(client, shards=SHARDS).raise_to("meat", partitions)
    as_of = NOW - age_days * MICROS_PER_DAY
    plan_audience = PlanAudience(index=store.index, recent=store.recent)
    with metered() as planning:
        plan = await plan_audience("meat", as_of=as_of, traffic=MODEL, deadline_s=60.0, chosen=way)
    assert planning.round_trips == 3
    assert plan.way is (ReadWay.BY_TIME if age_days else way)
    async with service(store).stream(query(as_of, plan.way)) as (batches, summary):
        members = [member async for batch in batches for member in batch]
    assert summary.way is plan.way
    assert len(members) == plan.customers
    spent = summary.cost.reads.total
    # A shard with one customer takes a batch of its own; the plan assumes that batches are full.
    apart = store.index.shards
    assert plan.round_trips <= summary.cost.round_trips <= plan.round_trips + apart + 1
    assert plan.units <= spent <= plan.units + len(members) + apart
