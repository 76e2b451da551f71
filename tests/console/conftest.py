"""The console over one small store in memory, and a person who signs in to it."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from adapters.audience_files import open_audience_files
from adapters.pictures import VegaDrawings
from adapters.statistics import ScipyStatistics
from api.console.documents.operations import Pair, Queues
from api.console.kept import Kept
from api.console.preview import PreviewChange
from api.console.router import console_router
from api.console.services import ConsoleServices
from api.console.sessions import Seals
from api.console.signing_in import SEALS, SECURE
from api.http.access import Access, Openness
from api.process.measurements import Measurements
from domain.campaigns import (
    Campaign,
    MeasureExperiment,
    ReadSpans,
    enrolled_of,
    experiment_of,
    listed_of,
)
from domain.customers import FindCustomer
from domain.errors import NotFound
from domain.keys import Scope
from domain.outcomes import JoinOutcomes
from domain.prediction import DecideFlags, PredictPropensity, SharedScores
from domain.recent import ByTime
from domain.retention import FOR_EVER
from domain.values import Consistency
from tests.api.conftest import EVERYTHING, SECRETS, Shop, app_over
from tests.builders import USD, a_policy

ORIGIN = "http://testserver.local"
EVERY_KEY = EVERYTHING["authorization"].removeprefix("Bearer ")
DRAWINGS = VegaDrawings()
"""Its process begins with the first picture."""
_TOKEN = re.compile(r'X-CSRF-Token": "([^"]*)"')


def services_of(shop: Shop) -> ConsoleServices:
    predict = PredictPropensity(
        score=SharedScores({Consistency.STRONG: ByTime(shop)}),
        traffic=shop.traffic,
        policy=a_policy(),
        clock=shop.clock,
    )

    @contextmanager
    def opened() -> Iterator[Pair]:
        if shop.queue is None:
            raise NotFound("there is no queue")
        yield Pair(shop.queue, shop.letters)

    return ConsoleServices(
        examine=lambda: shop.findings,
        queues=Queues(queue="purchases", dead_letter_queue="dead", opened=opened),
        clock=shop.clock,
        currency=USD,
        draws=DRAWINGS,
        kept=Kept(shop.clock),
        join=None
        if shop.decisions is None
        else JoinOutcomes(log=shop.decisions, history=shop, retention=FOR_EVER, clock=shop.clock),
        preview=PreviewChange(
            presence=shop.presence,
            log=shop.decisions,
            history=shop,
            read=ByTime(shop),
            index=shop,
            flags={flag.key: flag for flag in shop.flags},
            policy=a_policy(),
            first_model="propensity",
            clock=shop.clock,
        ),
        find=FindCustomer(
            history=shop, recent=shop, records=shop, retention=FOR_EVER, clock=shop.clock
        ),
        records=shop,
        memberships=lambda customer_id: (
            (campaign, member)
            for campaign in shop.campaigns.every()
            for batch in shop.campaigns.members(campaign)
            for member in batch
            if member.customer_id == customer_id
        ),
        campaign_file=lambda campaign, kind, folder: written(shop, campaign, kind, folder),
        measurements=Measurements(
            work=lambda name, days: measuring(shop, name, days),
            beside=shop.beside,
            clock=shop.clock,
        ),
        usd_per_unit=0.125 / 1_000_000,
        predict=predict,
        decide=DecideFlags(
            predict=predict,
            flags={flag.key: flag for flag in shop.flags},
            deadline_s=shop.decision_deadline_s,
        ),
    )


def written(shop: Shop, campaign: Campaign, kind: str, folder: Path) -> Path:
    """A file of a campaign's members, as the composition root writes it."""
    form = "csv" if kind == "excel" else kind
    path = folder / f"{campaign.name}.csv"
    with open_audience_files(form, path, stdout=BytesIO(), holdout=False) as opened:
        for batch in shop.campaigns.members(campaign):
            opened.write(listed_of(campaign, batch))
    return path


def measuring(shop: Shop, name: str, days: int) -> Callable[[Callable[[object], object]], None]:
    """What measures a campaign, as the composition root's would."""

    def measure(tell: Callable[[object], object]) -> None:
        campaign = shop.campaigns.named(name)
        measured = MeasureExperiment(
            spans=ReadSpans(recent=shop, history=shop, pacing=shop.time.pacing()),
            statistics=ScipyStatistics(),
            clock=shop.clock,
            deadline_s=60.0,
        )
        enrolled = enrolled_of(campaign, shop.campaigns.members(campaign))
        results = asyncio.run(measured(enrolled, experiment_of(campaign, days), on_progress=tell))
        shop.campaigns.keep(name, results)

    return measure


def console_over(shop: Shop) -> Litestar:
    """The application with the console, as the composition root would build it."""
    app = app_over(shop)
    app.state[SEALS] = Seals([], clock=shop.clock)
    app.state[SECURE] = False
    app.register(console_router(services_of(shop)))
    return app


@dataclass
class Person:
    """Somebody with a browser, who may be signed in."""

    http: TestClient[Litestar]
    token: str = field(default="", init=False)

    def sign_in(self, secret: str) -> Response:
        answer = self.http.post(
            "/console/login",
            data={"key": secret},
            headers={"origin": ORIGIN},
            follow_redirects=False,
        )
        if answer.status_code == 303:
            self.get("/console")
        return answer

    def get(self, path: str, **headers: str) -> Response:
        """A page, redirections followed; its token is kept."""
        answer = self.http.get(path, headers=headers)
        if found := _TOKEN.search(answer.text):
            self.token = unescape(found[1]) or self.token
        return answer

    def do(self, path: str, **fields: str) -> Response:
        """An act from a page of ours; the answer is not followed."""
        return self.http.post(
            path,
            data={"csrf": self.token, **fields},
            headers={"origin": ORIGIN},
            follow_redirects=False,
        )


@pytest.fixture
def stranger(shop: Shop) -> Iterator[Person]:
    """Somebody who is not signed in, where a key is needed."""
    shop.access = Access(keyring=shop.keyring, openness=Openness.NONE)
    with TestClient(console_over(shop), base_url=ORIGIN, raise_server_exceptions=False) as http:
        yield Person(http)


@pytest.fixture
def person(stranger: Person) -> Person:
    """Somebody who is signed in with a key that allows everything."""
    stranger.sign_in(EVERY_KEY)
    stranger.get("/console")
    return stranger


def holder_of(stranger: Person, scope: Scope) -> Person:
    """The same person, signed in with a key that allows only this."""
    stranger.sign_in(SECRETS[scope])
    return stranger


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session", autouse=True)
def _drawings() -> Iterator[None]:
    yield
    DRAWINGS.close()
