"""What the HTTP routes need, built by the composition root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.http.cursor import Cursors
from api.http.tokens import Tokens
from domain.audience import PlanAudience, ScoreAudience
from domain.categories import CategoryIndex
from domain.customers import EraseCustomer
from domain.health import StoreHealth
from domain.prediction import PredictPropensity, Traffic
from domain.purchases import CancelPurchase, TakeIn
from domain.values import Clock, Currency
from model_registry.registry import Registry
from model_registry.serving import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases behind the routes, and what must be released when the server stops.

    `traffic` gives the versions that serve now, or raises NoLiveModel; `problems` says why a
    newer revision could not be loaded. `start` is called when the server starts, `close` when it
    stops; they may be async.
    A page of an audience waits for the store until `page_deadline_s`, a stream until
    `audience_deadline_s`.
    """

    predict: PredictPropensity
    take_in: TakeIn
    cancel: CancelPurchase
    erase: EraseCustomer
    audience: ScoreAudience
    plan_audience: PlanAudience
    index: CategoryIndex
    cursors: Cursors
    registry: Registry
    presence: Presence
    tokens: Tokens
    health: StoreHealth
    traffic: Callable[[], Traffic]
    currency: Currency
    clock: Clock
    close: Callable[[], object]
    page_deadline_s: float
    audience_deadline_s: float
    start: Callable[[], object] = lambda: None
    problems: Callable[[], Sequence[str]] = lambda: ()
    readiness_timeout_s: float = 2.0
