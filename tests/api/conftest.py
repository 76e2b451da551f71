"""The application over one small store in memory, whose troubles a test can choose."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.services import Services
from domain.errors import NoLiveModel
from domain.ingestion import RecordPurchases
from domain.ports import Recording
from domain.prediction import PredictPropensity
from domain.propensity import ServedModel
from domain.purchase import Purchase
from tests.builders import NOW, USD, a_policy, a_served_model
from tests.fakes import SaturatingScorer

Http = TestClient[Litestar]


@dataclass
class Shop:
    """Recorder, history and health in one; `trouble` is raised by every call to the store."""

    purchases: dict[tuple[str, str], Purchase] = field(default_factory=dict)
    trouble: Exception | None = None
    trouble_of: dict[str, Exception] = field(default_factory=dict)
    hangs: bool = False
    live: bool = True
    problems: list[str] = field(default_factory=list)
    closed: int = 0

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        return [self._record(purchase) for purchase in purchases]

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        self._answer()
        mine = [p for p in self.purchases.values() if p.customer_id == customer_id]
        return [p for p in mine if after < p.purchased_at <= until]

    async def check(self) -> None:
        self._answer()
        if self.hangs:
            await asyncio.Event().wait()

    def live_model(self) -> ServedModel:
        if not self.live:
            raise NoLiveModel("no version is promoted; promote one")
        return a_served_model(SaturatingScorer(), version=7)

    async def close(self) -> None:
        self.closed += 1

    def _record(self, purchase: Purchase) -> Recording:
        self._answer()
        if trouble := self.trouble_of.get(purchase.customer_id):
            raise trouble
        known = self.purchases.setdefault((purchase.customer_id, purchase.purchase_id), purchase)
        if known is purchase:
            return Recording.RECORDED
        return Recording.DUPLICATE if known == purchase else Recording.CONFLICT

    def _answer(self) -> None:
        if self.trouble is not None:
            raise self.trouble


def services_over(shop: Shop) -> Services:
    """The services as the composition root would build them."""
    return Services(
        predict=PredictPropensity(
            history=shop, live_model=shop.live_model, policy=a_policy(), clock=lambda: NOW
        ),
        record=RecordPurchases(recorder=shop, clock=lambda: NOW, currency=USD, max_purchases=100),
        health=shop,
        live_model=shop.live_model,
        currency=USD,
        close=shop.close,
        problems=lambda: shop.problems,
        readiness_timeout_s=0.01,
    )


def app_over(shop: Shop) -> Litestar:
    """The application over this shop."""
    return create_app(services_over(shop))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def http(shop: Shop) -> Iterator[Http]:
    with TestClient(app_over(shop), raise_server_exceptions=False) as http:
        yield http
