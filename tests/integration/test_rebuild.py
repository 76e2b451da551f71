"""Rebuild and verify on the engine: whatever is wrong is found and mended, while traffic goes on."""

import asyncio
import random
import re
from binascii import a2b_base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from adapters.dynamodb import (
    DynamoCategoryIndex,
    DynamoClient,
    DynamoPurchaseCanceller,
    DynamoPurchaseHistory,
    DynamoPurchaseRecorder,
    DynamoRecentPurchases,
    DynamoRecentRebuilder,
)
from adapters.dynamodb.schema import OVERFLOW, day_attribute, day_capacity, encode_elements
from adapters.feature_sets import built_in_sets
from domain.categories import Position
from domain.customers import EveryCustomer
from domain.features import BaseRates
from domain.purchases import CLOCK_SKEW_US, Purchase, PurchaseHistory
from domain.retention import FOR_EVER, Retention
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND, Reach, Window, day_of
from domain.verification import VerifyRecent
from tests.builders import NOW, USD, a_purchase
from tests.doubles.memory import ManualClock

pytestmark = pytest.mark.anyio
RETENTION = Retention.covering(Window.days(30))
SHARDS = 4
MINUTE = 60 * MICROS_PER_SECOND


class Truth:
    """Everything over one client."""

    def __init__(
        self, client: DynamoClient, retention: Retention = RETENTION, now: int = NOW
    ) -> None:
        clock = ManualClock(now)
        self.client = client
        self.history = DynamoPurchaseHistory(client, clock=clock, retention=FOR_EVER)
        self.recent = DynamoRecentPurchases(client, clock=clock, retention=retention)
        self.recorder = DynamoPurchaseRecorder(
            client, clock=clock, retention=retention, shards=SHARDS
        )
        self.canceller = DynamoPurchaseCanceller(client, clock=clock, retention=retention)
        self.rebuilder = DynamoRecentRebuilder(
            client, clock=clock, retention=retention, history=self.history
        )
        self.every_customer = EveryCustomer(index=DynamoCategoryIndex(client, shards=SHARDS))
        self.verify = VerifyRecent(
            history=self.history,
            recent=self.recent,
            clock=clock,
            feature_sets=[
                each.in_currency(USD).knowing(BaseRates(0.5, {}))
                for each in built_in_sets().values()
            ],
        )

    def tamper(self, customer: str, day: int, elements: Sequence[str]) -> None:
        """The set of a day holds something else."""
        sets = {":s": {"BS": [a2b_base64(element) for element in elements]}}
        self.client.connection.client.update_item(
            TableName=self.client.recent.Meta.table_name,
            Key={"customer_id": {"S": customer}},
            UpdateExpression=f"SET {day_attribute(day)} = :s",
            ExpressionAttributeValues=sets,
        )

    def forget(self, customer: str) -> None:
        """The recent item is gone."""
        self.client.connection.client.delete_item(
            TableName=self.client.recent.Meta.table_name, Key={"customer_id": {"S": customer}}
        )


@pytest.fixture
def truth(client: DynamoClient) -> Truth:
    return Truth(client)


def some_purchases(customer: str, count: int = 12) -> list[Purchase]:
    return [
        a_purchase(
            customer_id=customer,
            purchase_id=f"p{n:03d}",
            purchased_at=NOW - n * 3 * MICROS_PER_DAY,
            category=("shirts", "jewellery")[n % 2],
        )
        for n in range(count)
    ]


async def test_what_is_right_is_no_difference(truth: Truth) -> None:
    await truth.recorder.record(some_purchases("c"))
    assert await truth.verify(["c", "nobody"]) == []


async def test_whatever_is_wrong_is_found_and_mended(truth: Truth) -> None:
    purchases = some_purchases("lost")
    for customer in ("lost", "missing", "surplus"):
        await truth.recorder.record(some_purchases(customer))
    truth.forget("lost")
    today = day_of(NOW)
    foreign, other = (
        a_purchase(purchase_id=name, purchased_at=at, category="shirts")
        for name, at in (("foreign", NOW - MICROS_PER_DAY), ("x", NOW))
    )
    truth.tamper("surplus", today - 1, encode_elements(foreign))
    truth.tamper("missing", today, encode_elements(other))
    found = {
        each.customer_id: each.what for each in await truth.verify(["lost", "missing", "surplus"])
    }
    assert {customer: re.findall(r"\d+", what) for customer, what in found.items()} == {
        "lost": ["11", "0", "11"],
        "missing": ["1", "1", "11"],
        "surplus": ["0", "1", "11"],
    }
    for customer in found:
        assert await truth.rebuilder.rebuild(customer)
        assert not await truth.rebuilder.rebuild(customer)
    assert await truth.verify(["lost", "missing", "surplus"]) == []
    (recent,) = (await truth.recent.read(["lost"])).histories
    assert list(recent.purchases) == purchases[10::-1]


async def answering(truth: Truth, customer: str, now: int) -> bool:
    """Whether 60 days of the customer are complete."""
    (history,) = (await truth.recent.read([customer])).histories
    return history.answers(Reach(Window.days(60)), now)


async def test_a_longer_retention_is_complete_once_everybody_is_rebuilt(truth: Truth) -> None:
    await truth.recorder.record(some_purchases("c", 25))
    began_at, longer = NOW + 3 * MINUTE, Retention.covering(Window.days(60))
    rebuilding = Truth(truth.client, longer, began_at)
    assert not await answering(rebuilding, "c", began_at)
    assert await answering(rebuilding, "unknown", began_at)
    assert await rebuilding.rebuilder.rebuild("c")
    assert not await rebuilding.rebuilder.rebuild("unknown")
    assert await rebuilding.rebuilder.finish(began_at=began_at) == {}
    after = Truth(truth.client, longer, began_at + MINUTE)
    for customer in ("c", "unknown"):
        assert await answering(after, customer, began_at)
        assert await after.verify([customer]) == []


@pytest.mark.parametrize("minutes", [1, 4], ids=["just before", "since it began"])
async def test_a_rebuild_lifts_nothing_while_somebody_writes_with_fewer_days(
    truth: Truth, minutes: int
) -> None:
    await truth.recorder.record(some_purchases("c"))
    began_at, longer = NOW + 3 * MINUTE, Retention.covering(Window.days(60))
    rebuilding = Truth(truth.client, longer, began_at)
    await rebuilding.rebuilder.rebuild("c")
    wrote_at = NOW + (1 + minutes) * MINUTE
    await Truth(truth.client, RETENTION, wrote_at).recorder.record(some_purchases("d"))
    assert await rebuilding.rebuilder.finish(began_at=began_at) == {RETENTION.days: wrote_at}
    after = Truth(truth.client, longer, began_at + 2 * MINUTE)
    assert not await answering(after, "d", began_at)


async def test_a_day_with_too_many_purchases_overflows_again(truth: Truth) -> None:
    many = [
        a_purchase(customer_id="c", purchase_id=f"p{n:04d}", purchased_at=NOW - n)
        for n in range(day_capacity(RETENTION.days) + 1)
    ]
    await truth.recorder.record(many)
    (before,) = (await truth.recent.read(["c"])).histories
    truth.forget("c")
    assert await truth.rebuilder.rebuild("c")
    (after,) = (await truth.recent.read(["c"])).histories
    assert after.overflow_days == before.overflow_days != frozenset()
    assert await truth.verify(["c"]) == []


async def test_a_rebuild_loses_nothing_that_comes_meanwhile(truth: Truth) -> None:
    chance, purchases = random.Random(5), some_purchases("c", 11)
    calls = [truth.recorder.record([purchase]) for purchase in purchases]
    calls += [truth.canceller.cancel("c", purchase.purchase_id) for purchase in purchases[::3]]  # type: ignore[misc]
    calls += [truth.rebuilder.rebuild("c") for _ in range(6)]  # type: ignore[misc]
    chance.shuffle(calls)
    truth.tamper("c", day_of(NOW) - 3, [OVERFLOW])
    await asyncio.gather(*calls)
    await truth.rebuilder.rebuild("c")
    kept = [purchase for n, purchase in enumerate(purchases) if n % 3]
    (recent,) = (await truth.recent.read(["c"])).histories
    assert list(recent.purchases) == kept[::-1]
    assert await truth.verify(["c"]) == []


@dataclass
class Overtaken:
    """A history after whose first read something else happens, before the reader goes on."""

    history: PurchaseHistory
    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        found = await self.history.between(customer_id, after=after, until=until)
        while self.meanwhile:
            await self.meanwhile.pop()()
        return found


async def rebuilt_while(truth: Truth, *meanwhile: Callable[[], Awaitable[object]]) -> None:
    rebuilder = DynamoRecentRebuilder(
        truth.client,
        clock=ManualClock(NOW),
        retention=RETENTION,
        history=Overtaken(truth.history, list(meanwhile)),
    )
    await rebuilder.rebuild("c")


async def test_a_purchase_that_the_item_lost_and_is_cancelled_meanwhile_stays_away(
    truth: Truth,
) -> None:
    purchases = some_purchases("c", 3)
    await truth.recorder.record(purchases)
    other = a_purchase(purchase_id="other", purchased_at=NOW, category="shirts")
    truth.tamper("c", day_of(NOW), encode_elements(other))
    await rebuilt_while(truth, lambda: truth.canceller.cancel("c", purchases[0].purchase_id))
    (recent,) = (await truth.recent.read(["c"])).histories
    assert list(recent.purchases) == purchases[:0:-1]


async def test_a_purchase_of_a_day_that_no_longer_overflows_is_not_lost(truth: Truth) -> None:
    capacity = day_capacity(RETENTION.days)
    many = [
        a_purchase(customer_id="c", purchase_id=f"p{n:04d}", purchased_at=NOW - n)
        for n in range(capacity + 2)
    ]
    for purchase in many[:-1]:
        await truth.recorder.record([purchase])
    await truth.canceller.cancel("c", many[-2].purchase_id)
    await rebuilt_while(truth, lambda: truth.recorder.record(many[-1:]))
    (recent,) = (await truth.recent.read(["c"])).histories
    assert recent.overflow_days == {day_of(NOW)}
    assert await truth.verify(["c"]) == []


async def test_a_cancellation_that_keeps_fewer_days_leaves_nothing_to_those_who_keep_more(
    truth: Truth,
) -> None:
    longer = Truth(truth.client, Retention.covering(Window.days(90)))
    purchases = some_purchases("c", 25)
    await longer.recorder.record(purchases)
    await truth.canceller.cancel("c", purchases[20].purchase_id)
    assert await longer.verify(["c"]) == []


async def test_a_purchase_as_far_ahead_as_a_writers_clock_allows_is_no_difference(
    truth: Truth,
) -> None:
    ahead = a_purchase(customer_id="c", purchased_at=NOW + CLOCK_SKEW_US + 1_000_000)
    await truth.recorder.record([ahead])
    assert await truth.verify(["c"]) == []
    assert not await truth.rebuilder.rebuild("c")


async def test_every_customer_comes_once_from_wherever_one_goes_on(truth: Truth) -> None:
    customers = [f"c{n:02d}" for n in range(40)]
    for customer in customers:
        await truth.recorder.record(some_purchases(customer, 1 + int(customer[1:]) % 3))
    batches = [batch async for batch in truth.every_customer.batches()]
    order = [(position, customer) for position, batch in batches for customer in batch]
    assert sorted(customer for _, customer in order) == customers
    middle = Position(order[20][0].shard, order[20][1])
    rest = [c async for _, batch in truth.every_customer.batches(middle) for c in batch]
    assert rest == [customer for _, customer in order[21:]]
