"""The application over one small store in memory, whose troubles a test can choose."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from adapters.memory import ManualClock, MemoryPurchases, MemoryStatusStore
from api.http import Cursors, Tokens, create_app
from api.http.services import Services
from domain.audience import PlanAudience, ScoreAudience
from domain.categories import IndexPage
from domain.cost import Units, count_round_trip, count_units
from domain.customers import EraseCustomer, Erasure
from domain.errors import NoLiveModel
from domain.prediction import PredictPropensity, Traffic
from domain.purchases import Cancelling, CancelPurchase, Purchase, Recording
from domain.recent import RecentBatch, RecentHistory, TableSize
from domain.retention import Retention
from domain.values import Window
from model_registry.registry import Registry
from model_registry.serving import Presence
from tests.builders import NOW, USD, a_policy, a_traffic, take_in
from tests.fakes import SaturatingScorer
from tests.faulty_store import VirtualTime
from tests.registries import a_registry

CURSOR_TTL_S = 3_600
SECRETS = {"read": "r" * 32, "manage": "m" * 32}
"""Of management tokens, by their scope."""
Http = TestClient[Litestar]


RETENTION = Retention.covering(Window.days(30))


@dataclass
class Shop:
    """Every port of the store in one; `trouble` is raised by every call to the store.

    Each of its calls costs half a read unit, or four write units, computed.
    """

    shards = MemoryPurchases.shards

    purchases: dict[tuple[str, str], Purchase] = field(default_factory=dict)
    trouble: Exception | None = None
    trouble_of: dict[str, Exception] = field(default_factory=dict)
    hangs: bool = False
    live: bool = True
    version: int = 7
    time: VirtualTime = field(default_factory=VirtualTime)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    problems: list[str] = field(default_factory=list)
    statuses: MemoryStatusStore = field(init=False)
    closed: int = 0
    cancelled: set[tuple[str, str]] = field(default_factory=set)
    suppressed_until: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    registry: Registry = field(default_factory=a_registry)

    @property
    def presence(self) -> Presence:
        return Presence(store=self.statuses, clock=self.clock)

    def __post_init__(self) -> None:
        self.statuses = MemoryStatusStore(self.clock)

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        return [self._record(purchase) for purchase in purchases]

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        self._answer(writes=Units(computed=4.0))
        if self.suppressed_until.get(customer_id, 0) > self.clock():
            return Cancelling.ERASED
        if (customer_id, purchase_id) in self.cancelled:
            return Cancelling.ALREADY_CANCELLED
        self.cancelled.add((customer_id, purchase_id))
        self.purchases.pop((customer_id, purchase_id), None)
        return Cancelling.CANCELLED

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """Only the beginning of it, where it is `interrupted`."""
        self._answer(writes=Units(computed=4.0))
        self.suppressed_until[customer_id] = suppressed_until
        purchases = {key for key in self.purchases if key[0] == customer_id}
        cancelled = {key for key in self.cancelled if key[0] == customer_id}
        if self.interrupted:
            return Erasure(purchases=0, cancelled=0, recent_purchases=0, complete=False)
        self.cancelled -= cancelled
        for key in purchases:
            del self.purchases[key]
        return Erasure(
            purchases=len(purchases),
            cancelled=len(cancelled),
            recent_purchases=len(purchases),
            complete=True,
        )

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        self._answer()
        mine = [p for p in self.purchases.values() if p.customer_id == customer_id]
        return [p for p in mine if after < p.purchased_at <= until]

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        for customer_id in customer_ids:
            if trouble := self.trouble_of.get(customer_id):
                raise trouble
        return await (await self._memory()).read(customer_ids)

    @property
    def complete_since(self) -> int:
        return RETENTION.complete_since(self.clock())

    async def one(self, customer_id: str, /) -> RecentHistory:
        return (await self.read([customer_id])).histories[0]

    async def scan(self, *, segment: int, segments: int) -> AsyncIterator[RecentBatch]:
        async for batch in (await self._memory()).scan(segment=segment, segments=segments):
            yield batch

    async def size(self) -> TableSize:
        """So large that streams are read in batches, unless they ask for something else."""
        self._answer()
        return TableSize(items=1_000_000, bytes=1_000_000_000)

    async def categories(self) -> Mapping[str, int]:
        return await (await self._memory()).categories()

    async def customers(self, category: str, /) -> int | None:
        return (await self.categories()).get(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        memory = await self._memory()
        return await memory.page(category, shard=shard, after=after, most=most)

    async def check(self) -> None:
        self._answer()
        if self.hangs:
            await asyncio.Event().wait()

    def traffic(self) -> Traffic:
        if not self.live:
            raise NoLiveModel("no version is promoted; promote one")
        return a_traffic(SaturatingScorer(), version=self.version)

    async def close(self) -> None:
        self.closed += 1

    async def _memory(self) -> MemoryPurchases:
        """What was recorded so far, behind the ports that lists and audiences read."""
        self._answer()
        memory = MemoryPurchases(clock=self.clock, retention=RETENTION)
        await memory.record(list(self.purchases.values()))
        return memory

    def _record(self, purchase: Purchase) -> Recording:
        self._answer(writes=Units(computed=4.0))
        if trouble := self.trouble_of.get(purchase.customer_id):
            raise trouble
        if self.suppressed_until.get(purchase.customer_id, 0) > self.clock():
            return Recording.ERASED
        if (purchase.customer_id, purchase.purchase_id) in self.cancelled:
            return Recording.CANCELLED
        known = self.purchases.setdefault((purchase.customer_id, purchase.purchase_id), purchase)
        if known is purchase:
            return Recording.RECORDED
        return Recording.DUPLICATE if known == purchase else Recording.CONFLICT

    def _answer(self, **units: Units) -> None:
        count_round_trip()
        count_units(**(units or {"reads": Units(measured=0.5)}))
        if self.trouble is not None:
            raise self.trouble


def services_over(shop: Shop, *, cursor_key: str | None = None) -> Services:
    """The services as the composition root would build them."""
    return Services(
        predict=PredictPropensity(
            history=shop, traffic=shop.traffic, policy=a_policy(), clock=shop.clock
        ),
        take_in=take_in(shop, canceller=shop, clock=shop.clock, max_items=100),
        cancel=CancelPurchase(canceller=shop),
        erase=EraseCustomer(eraser=shop, clock=shop.clock, suppression_days=30),
        audience=ScoreAudience(index=shop, recent=shop, history=shop, pacing=shop.time.pacing()),
        plan_audience=PlanAudience(index=shop, recent=shop, pacing=shop.time.pacing()),
        index=shop,
        cursors=Cursors(cursor_key, ttl_s=CURSOR_TTL_S, clock=shop.clock),
        registry=shop.registry,
        presence=shop.presence,
        tokens=Tokens.parse(
            ",".join(f"{actor}:{actor}:{secret}" for actor, secret in SECRETS.items())
        ),
        health=shop,
        traffic=shop.traffic,
        currency=USD,
        clock=shop.clock,
        close=shop.close,
        problems=lambda: shop.problems,
        page_deadline_s=2.0,
        audience_deadline_s=600.0,
        readiness_timeout_s=0.01,
    )


def app_over(shop: Shop, *, cursor_key: str | None = None) -> Litestar:
    """The application over this shop."""
    return create_app(services_over(shop, cursor_key=cursor_key))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def http(shop: Shop) -> Iterator[Http]:
    with TestClient(app_over(shop), raise_server_exceptions=False) as http:
        yield http
