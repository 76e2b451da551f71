"""What the routes need, each by its name: a handler names what it uses and gets nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from litestar.di import Provide

from api.http.cursor import Cursors
from api.http.fallbacks import Fallbacks
from api.process.creating import CampaignCreations
from api.process.surveys import Surveys
from domain.audience import PlanAudience, ScoreAudience
from domain.audit import AuditTrail
from domain.campaigns import CampaignRecords, Campaigns, FlagRecords
from domain.categories import CategoryIndex
from domain.customers import CustomerTokens, EraseCustomer
from domain.decision_log import LogDecisions
from domain.health import StoreHealth
from domain.keys import ManageKeys
from domain.prediction import DecideFlags, PredictPropensity, Traffic
from domain.purchases import CancelPurchase, RefundPurchase, TakeIn
from domain.values import Clock
from model_registry.registry import Registry
from model_registry.serving import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Audiences:
    """What answers for a category.

    `traffic` gives the versions of a model that serve now, or raises NoLiveModel. A page waits for the store
    until `page_deadline_s`, a stream until `stream_deadline_s`.
    """

    score: ScoreAudience
    plan: PlanAudience
    cursors: Cursors
    traffic: Callable[[str | None], Traffic]
    clock: Clock
    page_deadline_s: float
    stream_deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Managing:
    """What changes which model serves, and who did."""

    registry: Registry
    audit: AuditTrail


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicting:
    """What predicts, and logs what was answered."""

    predict: PredictPropensity
    log: LogDecisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What tells who a visitor is, decides flags, logs that, and counts what could not be decided."""

    tokens: CustomerTokens
    decide: DecideFlags
    log: LogDecisions
    fallbacks: Fallbacks = field(default_factory=Fallbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What tells whether this process can answer: its store, and every model that it serves.

    `traffic` has what serves now by the model's name, `problems` what could not be loaded of it.
    """

    health: StoreHealth
    traffic: Mapping[str, Callable[[], Traffic]]
    problems: Callable[[str], Sequence[str]]
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the routes, as the composition root builds it."""

    predict: PredictPropensity
    take_in: TakeIn
    refund: RefundPurchase
    cancel: CancelPurchase
    erase: EraseCustomer
    index: CategoryIndex
    audiences: Audiences
    campaigns: Campaigns
    campaign_records: CampaignRecords
    campaign_creations: CampaignCreations
    surveys: Surveys
    flag_records: FlagRecords
    readiness: Readiness
    registry: Registry
    presence: Presence
    keys: ManageKeys
    deciding: Deciding
    audit: AuditTrail

    def by_name(self) -> dict[str, Provide]:
        """Each as a dependency that a handler may name.

        What is asked often names one: Litestar makes a task for each where there are several, and
        two cost more than a history's features.
        """
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        named["predicting"] = Predicting(predict=named.pop("predict"), log=self.deciding.log)
        named["managing"] = Managing(registry=self.registry, audit=self.audit)
        return {name: _always(value) for name, value in named.items()}


def _always(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False, use_cache=True)
