"""The application over one small store in memory, whose troubles a test can choose."""

import asyncio
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.http import Cursors, create_app
from api.http.services import Audiences, Readiness, Services
from api.process import Tokens
from domain.audience import PlanAudience, ScoreAudience
from domain.customers import EraseCustomer, Erasure
from domain.errors import NoLiveModel
from domain.prediction import PredictPropensity, Traffic
from domain.purchases import CancelPurchase, RefundPurchase
from domain.recent import TableSize
from model_registry.serving import Presence
from tests.builders import NOW, USD, a_policy, a_traffic, take_in
from tests.doubles.memory import ManualClock, MemoryStatusStore
from tests.doubles.store import Call, ReferenceStore
from tests.fakes import SaturatingScorer
from tests.faulty_store import VirtualTime
from tests.registries import a_registry

CURSOR_TTL_S = 3_600
SECRETS = {"read": "r" * 32, "manage": "m" * 32}
"""Of management tokens, by their scope."""
Http = TestClient[Litestar]


class Shop(ReferenceStore):
    """The store behind the application, and what else a test may break.

    `trouble` fails every call, `trouble_of` those about a customer. It is so large that streams
    are read in batches, unless they ask for something else.
    """

    clock: ManualClock

    def __init__(self) -> None:
        super().__init__(clock=ManualClock(NOW))
        self.table_size = TableSize(items=1_000_000, bytes=1_000_000_000)
        self.refuse = self._refuse
        self.trouble: Exception | None = None
        self.trouble_of: dict[str, Exception] = {}
        self.hangs = self.interrupted = False
        self.live = True
        self.version = 7
        self.time = VirtualTime()
        self.problems: list[str] = []
        self.statuses = MemoryStatusStore(self.clock)
        self.registry = a_registry()
        self.presence = Presence(store=self.statuses, clock=self.clock)
        self.closed = 0

    def _refuse(self, call: Call) -> None:
        if self.trouble is not None:
            raise self.trouble
        for customer in call.customers:
            if trouble := self.trouble_of.get(customer):
                raise trouble

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """Only the beginning of it, where it is `interrupted`."""
        if self.interrupted:
            self.suppressed_until[customer_id] = suppressed_until
            return Erasure(
                purchases=0, cancelled=0, recent_purchases=0, refunds_waiting=0, complete=False
            )
        return await super().erase(customer_id, suppressed_until=suppressed_until)

    async def check(self) -> None:
        await super().check()
        if self.hangs:
            await asyncio.Event().wait()

    def traffic(self) -> Traffic:
        if not self.live:
            raise NoLiveModel("no version is promoted; promote one")
        return a_traffic(SaturatingScorer(), version=self.version)

    async def close(self) -> None:
        self.closed += 1


def app_over(
    shop: Shop, *, cursor_key: str | None = None, readiness: Readiness | None = None
) -> Litestar:
    """The application over this shop, as the composition root would build it."""
    pacing = shop.time.pacing()
    audiences = Audiences(
        score=ScoreAudience(index=shop, recent=shop, history=shop, pacing=pacing),
        plan=PlanAudience(index=shop, recent=shop, pacing=pacing),
        cursors=Cursors(cursor_key, ttl_s=CURSOR_TTL_S, clock=shop.clock),
        traffic=shop.traffic,
        clock=shop.clock,
        page_deadline_s=2.0,
        stream_deadline_s=600.0,
    )
    of_shop = Readiness(
        health=shop, traffic=shop.traffic, problems=lambda: shop.problems, timeout_s=0.01
    )
    services = Services(
        predict=PredictPropensity(
            history=shop, traffic=shop.traffic, policy=a_policy(), clock=shop.clock
        ),
        take_in=take_in(
            shop, canceller=shop, refunder=shop, history=shop, clock=shop.clock, max_items=100
        ),
        refund=RefundPurchase(refunder=shop, history=shop, clock=shop.clock, currency=USD),
        cancel=CancelPurchase(canceller=shop),
        erase=EraseCustomer(eraser=shop, clock=shop.clock, suppression_days=30),
        index=shop,
        audiences=audiences,
        readiness=of_shop if readiness is None else readiness,
        registry=shop.registry,
        presence=shop.presence,
    )
    tokens = ",".join(f"{actor}:{actor}:{secret}" for actor, secret in SECRETS.items())
    return create_app(services, currency=USD, tokens=Tokens.parse(tokens), close=shop.close)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def http(shop: Shop) -> Iterator[Http]:
    with TestClient(app_over(shop), raise_server_exceptions=False) as http:
        yield http
