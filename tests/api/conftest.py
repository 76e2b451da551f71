"""The application over one small store in memory, whose troubles a test can choose."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from adapters.audit_log import ObjectAuditLog
from adapters.campaigns import (
    MarkedCampaignEraser,
    ObjectCampaigns,
    ObjectFlagRecords,
    TemporarySpool,
)
from adapters.customer_tokens import JwtCustomerTokens, shared_secrets
from adapters.statistics import ScipyStatistics
from api.composition.metrics import Metrics
from api.documents.doctor import Finding
from api.http import Cursors, create_app
from api.http.access import Access, Openness
from api.http.fallbacks import Fallbacks
from api.http.services import Audiences, Deciding, Readiness, Services
from api.process.creating import CampaignCreations, Work, prepared
from api.process.surveys import Surveys, SurveyWanted, survey_prepared
from domain.audience import AudienceQuery, PlanAudience, ScoreAudience, Survey, SurveyAudience
from domain.audit import AuditTrail
from domain.beside import Beside
from domain.campaigns import (
    CampaignOrder,
    CampaignWanted,
    Claim,
    CreateCampaign,
    PreviewPower,
    Progress,
    ReadSpans,
)
from domain.customers import DecisionEraser, EraseCustomer, Erasure
from domain.decision_log import Answer, DecisionLog, LogDecisions
from domain.decisions import Flag
from domain.errors import InvalidRequest, NoLiveModel
from domain.keys import Key, KeyKind, Keyring, ManageKeys, Rate, Scope
from domain.prediction import DecideFlags, PredictPropensity, SharedScores, Traffic
from domain.purchases import CancelPurchase, RefundPurchase
from domain.recent import ByTime, TableSize
from domain.values import Consistency
from model_registry.serving import Presence
from tests.builders import NOW, USD, a_policy, a_traffic, take_in
from tests.doubles.memory import (
    ManualClock,
    MemoryKeyStore,
    MemoryObjectStore,
    MemoryPlace,
    MemoryQueue,
    MemoryStatusStore,
)
from tests.doubles.spread import ThreadBeside
from tests.doubles.store import Call, ReferenceStore
from tests.fakes import SaturatingScorer
from tests.faulty_store import VirtualTime
from tests.registries import a_registry

CURSOR_TTL_S = 3_600
SECRETS = {scope: f"pp_sk_{n:012x}_{n:048x}" for n, scope in enumerate(Scope)}
"""Of keys that allow one thing each."""
EVERYTHING = {"authorization": f"Bearer pp_sk_{98:012x}_{98:048x}"}
"""The header of the key that allows everything."""
TOKEN_SECRET = "of the tests, and 32 bytes or longer"  # noqa: S105  # of no deployment
PUBLISHABLE = f"pp_pk_{99:012x}_{99:048x}"
SHOP_ORIGIN = "https://shop.example"
BROWSER = {"x-api-key": PUBLISHABLE, "origin": SHOP_ORIGIN}
KEYS = [
    Key(
        key_id=secret.split("_")[2],
        kind=KeyKind.SECRET if origins == [] else KeyKind.PUBLISHABLE,
        actor=actor,
        scopes=frozenset(scopes),
        origins=frozenset(origins),
        rate=Rate(per_second=1_000_000, burst=1_000_000),
        sha256=hashlib.sha256(secret.encode()).digest(),
        created_at=NOW,
    )
    for scopes, secret, actor, origins in [
        *(([each], secret, f"{each.value}-tool", list[str]()) for each, secret in SECRETS.items()),
        (list(Scope), EVERYTHING["authorization"].removeprefix("Bearer "), "tests", []),
        ([Scope.DECIDE], PUBLISHABLE, "shop-pages", [SHOP_ORIGIN]),
    ]
]
Http = TestClient[Litestar]


def keyed(scope: Scope) -> dict[str, str]:
    """The header of the key that allows this and nothing else."""
    return {"authorization": f"Bearer {SECRETS[scope]}"}


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
        self.others: dict[str | None, Traffic] = {}
        self.campaign_objects = MemoryPlace()
        self.campaigns = ObjectCampaigns(self.campaign_objects)
        self.audit_log = ObjectAuditLog(MemoryObjectStore())
        self.flags = [Flag.banner(a_policy())]
        self.decision_deadline_s = 30.0
        self.fallbacks = Fallbacks()
        self.logged: list[Answer] = []
        self.log_shares = {"propensity": 0, "flags": 0}
        self.log_is_full = False
        self.decision_eraser: DecisionEraser | None = None
        self.beside: Beside = ThreadBeside()
        self.queue: MemoryQueue | None = MemoryQueue(lambda: self.queue_s)
        self.letters = MemoryQueue(lambda: self.queue_s)
        self.queue_s = 0.0
        self.decisions: DecisionLog | None = None
        self.findings = [Finding(check="tables", ok=True, finding="as they must be")]
        self.key_store = MemoryKeyStore(KEYS)
        self.keyring = Keyring(clock=self.clock, monotonic=lambda: 0.0)
        self.keyring.replace(KEYS, asked_at=0.0)
        self.access = Access(keyring=self.keyring, openness=Openness.OPEN)

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

    def traffic(self, model: str | None = None) -> Traffic:
        if not self.live:
            raise NoLiveModel("no version is promoted; promote one")
        if model in self.others:
            return self.others[model]
        if model not in {None, "propensity"}:
            raise InvalidRequest("model", f"{model} does not serve here")
        return a_traffic(SaturatingScorer(), version=self.version)

    def log(self) -> LogDecisions:
        """Logs the shares that a test set, as long as there is room."""

        def keep(answer: Answer) -> bool:
            if not self.log_is_full:
                self.logged.append(answer)
            return not self.log_is_full

        return LogDecisions(keep=keep, clock=self.clock, random=secrets.randbits, **self.log_shares)

    async def close(self) -> None:
        self.closed += 1


def creations_of(shop: Shop, audiences: Audiences) -> CampaignCreations:
    """Creates campaigns of this shop, in threads."""
    creating = CreateCampaign(
        audience=audiences.score,
        spans=ReadSpans(recent=shop, history=shop, pacing=shop.time.pacing()),
        drafts=shop.campaigns,
        campaigns=shop.campaigns,
        statistics=ScipyStatistics(),
        spool=TemporarySpool,
        clock=shop.clock,
    )

    def work(wanted: CampaignWanted, claim: Claim) -> Work:
        order = CampaignOrder(
            name=wanted.name,
            owner=claim.owner,
            category=wanted.category,
            as_of=wanted.as_of or 0,
            traffic=shop.traffic(wanted.model),
            policy=wanted.policy,
            currency=USD.code,
            deadline_s=600.0,
            suppressed=wanted.suppressed,
            expected=9,
        )

        def told(tell: Callable[[object], object]) -> None:
            def on_progress(step: str, done: int, total: int) -> None:
                tell(Progress(step=step, done=done, total=total))

            asyncio.run(creating(order, claim=claim, on_progress=on_progress))

        return told

    return CampaignCreations(
        drafts=shop.campaigns,
        campaigns=shop.campaigns,
        audit=AuditTrail(log=shop.audit_log, clock=shop.clock),
        prepare=partial(prepared, clock=shop.clock, traffic=shop.traffic, plan=audiences.plan),
        work=work,
        beside=lambda *args, **kwargs: shop.beside(*args, **kwargs),  # noqa: PLW0108  # set later
        preview=lambda: PreviewPower(statistics=ScipyStatistics()),
        clock=shop.clock,
    )


def surveys_of(shop: Shop, audiences: Audiences) -> Surveys:
    """Surveys audiences of this shop, in threads."""
    survey = SurveyAudience(audience=audiences.score)

    def work(wanted: SurveyWanted) -> Callable[[Callable[[object], object]], Survey]:
        query = AudienceQuery(
            category=wanted.category,
            as_of=wanted.as_of,
            traffic=shop.traffic(wanted.model),
            deadline_s=600.0,
        )
        return lambda tell: asyncio.run(survey(query, on_progress=tell))

    async def prepare(category: str, model: str | None, as_of: int | None) -> SurveyWanted:
        return await survey_prepared(
            category, model, as_of, clock=shop.clock, traffic=shop.traffic, plan=audiences.plan
        )

    return Surveys(
        prepare=prepare,
        work=work,
        beside=lambda *args, **kwargs: shop.beside(*args, **kwargs),  # noqa: PLW0108  # set later
    )


def app_over(
    shop: Shop,
    *,
    cursor_key: str | None = None,
    readiness: Readiness | None = None,
    sign_token: Callable[[str], str] | None = None,
    metrics: Metrics | None = None,
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
        health=shop,
        traffic={"propensity": shop.traffic},
        problems=lambda _: shop.problems,
        timeout_s=0.01,
    )
    predict = PredictPropensity(
        score=SharedScores({each: ByTime(shop) for each in Consistency}),
        traffic=shop.traffic,
        policy=a_policy(),
        clock=shop.clock,
    )
    taking_in = take_in(
        shop, canceller=shop, refunder=shop, history=shop, clock=shop.clock, max_items=100
    )
    if metrics is not None:
        predict = replace(predict, answered=metrics.predictions)
        taking_in = replace(taking_in, observe=metrics.purchases)
    creations, surveys = creations_of(shop, audiences), surveys_of(shop, audiences)
    services = Services(
        predict=predict,
        take_in=taking_in,
        refund=RefundPurchase(refunder=shop, history=shop, clock=shop.clock, currency=USD),
        cancel=CancelPurchase(canceller=shop),
        erase=EraseCustomer(
            eraser=shop,
            clock=shop.clock,
            suppression_days=30,
            decisions=shop.decision_eraser,
            campaigns=MarkedCampaignEraser(shop.campaign_objects),
        ),
        index=shop,
        audiences=audiences,
        campaigns=shop.campaigns,
        campaign_records=shop.campaigns,
        campaign_creations=creations,
        surveys=surveys,
        flag_records=ObjectFlagRecords(shop.campaign_objects),
        readiness=of_shop if readiness is None else readiness,
        registry=shop.registry,
        presence=shop.presence,
        keys=ManageKeys(store=shop.key_store, clock=shop.clock),
        audit=AuditTrail(log=shop.audit_log, clock=shop.clock),
        deciding=Deciding(
            tokens=JwtCustomerTokens(
                shared_secrets(TOKEN_SECRET), audience="propensity", clock=shop.clock
            ),
            log=shop.log(),
            decide=DecideFlags(
                predict=predict,
                flags={flag.key: flag for flag in shop.flags},
                deadline_s=shop.decision_deadline_s,
            ),
            fallbacks=shop.fallbacks,
        ),
    )
    return create_app(
        services,
        currency=USD,
        access=shop.access,
        observer=None if metrics is None else metrics.requests,
        sign_token=sign_token,
        close=[creations.stop, surveys.stop, shop.close],
    )


def client_of(shop: Shop) -> Http:
    """A client that may do everything, unless a request names another key."""
    client = TestClient(app_over(shop), raise_server_exceptions=False)
    client.headers.update(EVERYTHING)
    return client


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def http(shop: Shop) -> Iterator[Http]:
    with client_of(shop) as http:
        yield http
