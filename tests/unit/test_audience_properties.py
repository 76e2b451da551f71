"""Whatever goes wrong, every customer of the category has one outcome, and it is the true one."""

import asyncio
import random

import pytest

from domain.audience import AudienceQuery, AudienceSummary, Member, ReadWay, ScoreAudience
from domain.categories import Position
from domain.errors import StoreUnavailable
from domain.features import TARGET, Aggregation, Feature, FeatureSet, Histories
from domain.purchases import Purchase
from domain.values import MICROS_PER_DAY, Window, day_of
from tests.builders import NOW, USD, a_purchase, a_traffic
from tests.fakes import SaturatingScorer
from tests.faulty_store import Faults, FaultyStore, shard_of

FEATURES = FeatureSet(
    (
        Feature(Aggregation.TOTAL_PURCHASE_VOLUME, Window.days(30)),
        Feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, Window.days(7)),
        Feature(Aggregation.TOTAL_PURCHASE_VOLUME, None),
        Feature(Aggregation.DAYS_SINCE_LAST_PURCHASE, None),
        Feature(Aggregation.PURCHASE_COUNT, None, TARGET),
    ),
    USD,
)
MODEL = a_traffic(SaturatingScorer(), features=FEATURES)


LONGEST = FEATURES.reach.window.length_us
EDGES = [edge + step for edge in (0, LONGEST, LONGEST // 30 * 7) for step in (-1, 0, 1)]
"""How long before as_of a purchase just counts, or just does not, in microseconds."""


def some_purchases(dice: random.Random, as_of: int) -> list[Purchase]:
    customers = dice.choice([0, 3, 20, 60, 250, 250])
    return [
        a_purchase(
            customer_id=f"c{customer:03d}",
            purchase_id=f"p{number}",
            purchased_at=as_of - dice.choice([*EDGES, dice.randrange(60 * MICROS_PER_DAY)]),
            category=dice.choice(["shirts", "jewellery"]),
            amount_minor=dice.randrange(10_000),
        )
        for customer in range(customers)
        for number in range(dice.randrange(4))
    ]


def some_as_of(seed: int) -> int:
    """Now, or so long ago that the recent purchases just suffice, or do not."""
    return NOW - random.Random(seed + 0.5).choice([0, 0, 1, MICROS_PER_DAY, 40 * MICROS_PER_DAY])


def a_bad_day(seed: int, as_of: int = NOW) -> FaultyStore:
    """Any purchases, shards, page sizes and faults; 100 % of keys unprocessed included."""
    dice = random.Random(seed)
    return FaultyStore(
        purchases=some_purchases(dice, as_of),
        complete_since=day_of(NOW) - dice.choice([5, 31, 31, 31]),
        shards=dice.choice([1, 2, 4, 16]),
        page_size=dice.choice([1, 2, 7, 99, 100, 101, 1_000]),
        faults=Faults(
            unprocessed=dice.choice([0.0, 0.01, 0.1, 0.5, 0.9, 1.0]),
            refused=dice.choice([0.0, 0.0, 0.05, 0.3, 0.9]),
            overflowing=dice.choice([0.0, 0.1]),
            seconds_a_call=dice.choice([0.0, 0.001, 0.5]),
        ),
        seed=seed,
    )


def service(store: FaultyStore, seed: int = 0) -> ScoreAudience:
    return ScoreAudience(
        index=store,
        recent=store,
        history=store,
        pacing=store.time.pacing(seed),
        concurrent_shards=3,
    )


def query(
    *, as_of: int = NOW, deadline_s: float = 60.0, way: ReadWay = ReadWay.BATCH
) -> AudienceQuery:
    return AudienceQuery(
        category="shirts", as_of=as_of, traffic=MODEL, deadline_s=deadline_s, way=way
    )


async def streamed(
    store: FaultyStore, asked: AudienceQuery, seed: int = 0
) -> tuple[list[Member], AudienceSummary]:
    members: list[Member] = []
    async with service(store, seed).stream(asked) as (batches, summary):
        async for batch in batches:
            members += batch
    return members, summary


def true_score(store: FaultyStore, customer: str, as_of: int = NOW) -> float:
    """The score through the purchases by time: the single-customer path."""
    purchases = store.truth(customer, after=FEATURES.reach.after(as_of), until=as_of)
    matrix = FEATURES.matrix(Histories.of([purchases]), as_of, target="shirts")
    return float(MODEL.champion.scorer.score(matrix)[0])


def buyers(store: FaultyStore) -> set[str]:
    return {p.customer_id for p in store.purchases if p.category == "shirts"}


def check_outcomes(
    store: FaultyStore, members: list[Member], summary: AudienceSummary, as_of: int = NOW
) -> None:
    customers = [member.customer_id for member in members]
    assert len(customers) == len(set(customers))
    assert set(customers) <= buyers(store)
    listed = {buyer for buyer in buyers(store) if shard_of(buyer, store.shards) in store.listed}
    assert listed <= set(customers)
    assert set(customers) == buyers(store) or summary.unlisted_shards
    for member in members:
        assert member.probability in {None, true_score(store, member.customer_id, as_of)}
    assert summary.unread == sum(member.probability is None for member in members)
    assert summary.scored + summary.unread == len(members)
    assert summary.partial == bool(summary.unread or summary.unlisted_shards)


def run_scenario(seed: int) -> None:
    as_of = some_as_of(seed)
    store = a_bad_day(seed, as_of)
    deadline_s = random.Random(seed).choice([0.0, 1.0, 600.0, 600.0])
    way = random.Random(-seed).choice(list(ReadWay))
    asked = query(as_of=as_of, deadline_s=deadline_s, way=way)
    try:
        members, summary = asyncio.run(streamed(store, asked, seed))
    except StoreUnavailable:  # nobody could be listed: said aloud, and only under refusals
        assert store.faults.refused > 0
        return
    check_outcomes(store, members, summary, as_of)


def test_on_any_bad_day_every_customer_has_one_true_outcome() -> None:
    for seed in range(100):
        run_scenario(seed)


@pytest.mark.full
@pytest.mark.parametrize("thousand", range(3))
def test_on_three_thousand_bad_days_every_customer_has_one_true_outcome(thousand: int) -> None:
    for seed in range(1_000 * thousand, 1_000 * (thousand + 1)):
        run_scenario(seed)


@pytest.mark.parametrize("way", ReadWay)
def test_on_a_good_day_everybody_is_scored_whichever_way(way: ReadWay) -> None:
    for seed in range(60):
        store = a_bad_day(seed)
        store.faults = Faults()
        members, summary = asyncio.run(streamed(store, query(way=way)))
        check_outcomes(store, members, summary)
        assert not summary.partial
        assert {m.customer_id for m in members} == buyers(store)


def test_faults_that_pass_cost_time_but_no_customer() -> None:
    for seed in range(60):
        store = a_bad_day(seed)
        store.faults = Faults(unprocessed=0.5, refused=0.3)
        members, summary = asyncio.run(streamed(store, query(deadline_s=1e6), seed))
        check_outcomes(store, members, summary)
        assert not summary.partial


async def all_pages(store: FaultyStore, most: int) -> list[Member]:
    members: list[Member] = []
    position: Position | None = Position()
    while position is not None:
        page = await service(store).page(query(), position=position, most=most)
        assert len(page.members) <= most
        members += page.members
        position = page.following
    return members


@pytest.mark.parametrize("most", [1, 3, 100])
def test_pages_one_after_the_other_are_the_whole_audience(most: int) -> None:
    for seed in range(40):
        store = a_bad_day(seed)
        store.faults = Faults(unprocessed=0.3)
        members = asyncio.run(all_pages(store, most))
        assert sorted(m.customer_id for m in members) == sorted(buyers(store))
        assert all(m.probability == true_score(store, m.customer_id) for m in members)
