"""The use cases of a deployment, each built when it is first asked for.

An import stands where what it brings is built: a command that reads the tables loads neither the
HTTP stack nor the models.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.composition.metrics import Instruments, Metrics, Progress, UntoldProgress, metrics_of
from api.composition.observers import store_observer
from api.composition.registry import open_registry, presence_only
from api.composition.tracing import Tracing, tracing_of
from api.process import Settings
from domain.values import Consistency, Currency

if TYPE_CHECKING:
    from adapters.dynamodb import (
        DynamoCategoryIndex,
        DynamoCategoryPartitions,
        DynamoClient,
        DynamoKeyStore,
        DynamoOptions,
        DynamoPurchaseHistory,
        DynamoRecentPurchases,
        DynamoRecentRebuilder,
        DynamoTables,
        RetentionMarks,
    )
    from domain.audience import PlanAudience, ScoreAudience
    from domain.customers import CustomerRecords, EraseAgain, EraseCustomer, EveryCustomer
    from domain.features import FeatureSet
    from domain.keys import ManageKeys
    from domain.prediction import PredictPropensity, Traffic
    from domain.purchases import CancelPurchase, ImportPurchases, RefundPurchase, TakeIn
    from domain.recent import RecentFirst
    from domain.training import CollectHistories, Selection, TrainingSet
    from domain.verification import VerifyRecent
    from model_registry.registry import Registry
    from model_registry.serving import LiveModels, Presence
    from model_registry.versions import Candidate

CUSTOMERS_TOGETHER = 10
"""Of a batch, in one transaction: more save little, and a refusal is of all of them."""
BATCH_READ_TIMEOUT_S = 10.0
"""Longer, and Ctrl-C would wait for a hung socket."""
CATEGORY_SHARDS = 16
"""Hash classes of customers, the same in every category; each has a partition of the index or more.

Positions, cursors and training samples count on it, so it is no setting.
"""


class Application:
    """Every use case of a deployment; each is built once, when it is asked for."""

    def __init__(
        self,
        settings: Settings,
        client: "DynamoClient",
        metrics: Metrics | None = None,
        instruments: Instruments | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.metrics = metrics
        self.instruments = instruments or metrics
        self.tracing = tracing
        self.settings = settings
        self.client = client
        self.clock = SystemClock()
        self.currency = Currency.of(settings.currency)
        self._retention = settings.retention

    @property
    def progress(self) -> Progress:
        """Who is told what a long command has done."""
        return UntoldProgress() if self.metrics is None else self.metrics.progress

    @cached_property
    def tables(self) -> "DynamoTables":
        from adapters.dynamodb import DynamoTables

        return DynamoTables(self.client, retention=self._retention.purchases)

    @cached_property
    def registry(self) -> "Registry":
        return open_registry(self.settings)

    @cached_property
    def presence(self) -> "Presence":
        return presence_only(self.settings)

    @cached_property
    def live(self) -> "LiveModels":
        from model_registry.serving import LiveModels

        failed = (lambda _: None) if self.metrics is None else self.metrics.models.load_failed
        return LiveModels(self.registry, self.settings.served_models, failed=failed)

    def audience_traffic(self, model: str | None = None) -> "Traffic":
        """The versions that score audiences, of the model that is named or of the usual one.

        Raises:
            InvalidRequest: the model does not serve here.
            NoLiveModel: no version of it does.
        """
        return self.live.snapshot(model or self.settings.audience_model or None)

    def traffic_at(self, model: str, revision: int) -> "Traffic":
        """The versions of that revision of a model, whatever serves now.

        Raises:
            CorruptRecord, NotFound, Unavailable: they cannot be loaded here.
        """
        from model_registry.serving import load

        return load(self.registry, model, self.registry.log(model).at(revision))

    @cached_property
    def predict(self) -> "PredictPropensity":
        from domain.prediction import PredictPropensity, SharedScores

        eventual = Consistency.EVENTUAL
        reads = {
            Consistency.STRONG: self._recent_first(self.recent, self.history),
            eventual: self._recent_first(self._recent(eventual), self._history(eventual)),
        }
        return PredictPropensity(
            score=SharedScores(reads),
            traffic=self.live.snapshot,
            policy=self.settings.banner_policy,
            clock=self.clock,
            consistency=self.settings.read_consistency,
        )

    def _recent_first(
        self, recent: "DynamoRecentPurchases", by_time: "DynamoPurchaseHistory"
    ) -> "RecentFirst":
        from domain.recent import RecentFirst, SharedReads

        return RecentFirst(recent=SharedReads(recent), by_time=by_time)

    def feature_sets_to_try(self) -> "Mapping[str, FeatureSet]":
        """The built-in sets, and each with log1p of every feature, where that is another one."""
        from adapters.feature_sets import built_in_sets
        from adapters.training import logged

        found: dict[str, FeatureSet] = {}
        for name, declared in built_in_sets().items():
            found[name] = plain = declared.in_currency(self.currency)
            if (other := logged(plain)) != plain:
                found[f"{name} (log1p)"] = other
        return found

    def feature_set(self, chosen: str) -> "FeatureSet":
        """The feature set that NAME, FILE or FILE:NAME means.

        Raises:
            Rejected: there is none; says where and why.
        """
        from adapters.feature_sets import feature_set_of

        return feature_set_of(chosen).in_currency(self.currency)

    @cached_property
    def take_in(self) -> "TakeIn":
        from adapters.dynamodb import DynamoPurchaseRecorder
        from domain.purchases import RecordPurchases, TakeIn

        recorder = DynamoPurchaseRecorder(
            self.client, clock=self.clock, retention=self._retention, shards=CATEGORY_SHARDS
        )
        record = RecordPurchases(
            recorder=recorder,
            clock=self.clock,
            currency=self.currency,
            retention=self._retention.purchases,
            concurrent_customers=self.settings.connections * self.client.options.customers_together,
        )
        take_in = TakeIn(record=record, refund=self.refund, cancel=self.cancel)
        told = self.instruments
        return take_in if told is None else replace(take_in, observe=told.purchases)

    @cached_property
    def refund(self) -> "RefundPurchase":
        from adapters.dynamodb import DynamoPurchaseRefunder
        from domain.purchases import RefundPurchase

        return RefundPurchase(
            refunder=DynamoPurchaseRefunder(
                self.client, clock=self.clock, retention=self._retention
            ),
            history=self.history,
            clock=self.clock,
            currency=self.currency,
            retention=self._retention.purchases,
        )

    @cached_property
    def cancel(self) -> "CancelPurchase":
        from adapters.dynamodb import DynamoPurchaseCanceller
        from domain.purchases import CancelPurchase

        return CancelPurchase(
            canceller=DynamoPurchaseCanceller(
                self.client, clock=self.clock, retention=self._retention
            )
        )

    @cached_property
    def erase(self) -> "EraseCustomer":
        from adapters.dynamodb import DynamoCustomerEraser
        from api.composition.campaigns import campaign_eraser
        from api.composition.decision_log import decision_eraser
        from domain.customers import EraseCustomer

        return EraseCustomer(
            eraser=DynamoCustomerEraser(self.client),
            clock=self.clock,
            suppression_days=self.settings.erasure_suppression_days,
            decisions=decision_eraser(self.settings),
            campaigns=campaign_eraser(self.settings),
        )

    @cached_property
    def erase_again(self) -> "EraseAgain":
        from domain.customers import EraseAgain

        return EraseAgain(eraser=self.erase.eraser, erase=self.erase)

    @cached_property
    def records(self) -> "CustomerRecords":
        from adapters.dynamodb import DynamoCustomerRecords

        return DynamoCustomerRecords(self.client, clock=self.clock, retention=self._retention)

    @cached_property
    def import_purchases(self) -> "ImportPurchases":
        from adapters.seen_ids import TemporarySeenIds
        from domain.purchases import ImportPurchases

        return ImportPurchases(
            take_in=replace(self.take_in, stops_at_silence=True), seen=TemporarySeenIds
        )

    @cached_property
    def check_purchases(self) -> "ImportPurchases":
        """As import_purchases, and nothing is written or read."""
        from adapters.seen_ids import TemporarySeenIds
        from domain.purchases import ImportPurchases, check_only

        return ImportPurchases(
            take_in=check_only(
                clock=self.clock, currency=self.currency, retention=self._retention.purchases
            ),
            seen=TemporarySeenIds,
        )

    @cached_property
    def collect_histories(self) -> "CollectHistories":
        from domain.training import CollectHistories

        return CollectHistories(
            index=self.index,
            history=self.history,
            clock=self.clock,
            retention=self._retention.purchases,
        )

    @cached_property
    def history(self) -> "DynamoPurchaseHistory":
        return self._history(Consistency.STRONG)

    def _history(self, consistency: Consistency) -> "DynamoPurchaseHistory":
        from adapters.dynamodb import DynamoPurchaseHistory

        return DynamoPurchaseHistory(
            self.client,
            clock=self.clock,
            retention=self._retention.purchases,
            consistency=consistency,
        )

    @cached_property
    def recent(self) -> "DynamoRecentPurchases":
        return self._recent(Consistency.STRONG)

    def _recent(self, consistency: Consistency) -> "DynamoRecentPurchases":
        from adapters.dynamodb import DynamoRecentPurchases

        return DynamoRecentPurchases(
            self.client, clock=self.clock, retention=self._retention, consistency=consistency
        )

    @cached_property
    def marks(self) -> "RetentionMarks":
        from adapters.dynamodb import RetentionMarks

        return RetentionMarks(self.client, clock=self.clock, retention=self._retention)

    @cached_property
    def rebuilder(self) -> "DynamoRecentRebuilder":
        from adapters.dynamodb import DynamoRecentRebuilder

        return DynamoRecentRebuilder(
            self.client, clock=self.clock, retention=self._retention, history=self.history
        )

    @cached_property
    def verify(self) -> "VerifyRecent":
        from adapters.feature_sets import built_in_sets
        from domain.features import BaseRates
        from domain.verification import VerifyRecent

        return VerifyRecent(
            history=self.history,
            recent=self.recent,
            clock=self.clock,
            feature_sets=[
                declared.in_currency(self.currency).knowing(BaseRates(0.0, {}))
                for declared in built_in_sets().values()
            ],
        )

    @cached_property
    def every_customer(self) -> "EveryCustomer":
        from domain.customers import EveryCustomer

        return EveryCustomer(index=self.index)

    @cached_property
    def audience(self) -> "ScoreAudience":
        from domain.audience import ScoreAudience

        return ScoreAudience(index=self.index, recent=self.recent, history=self.history)

    @cached_property
    def plan_audience(self) -> "PlanAudience":
        from domain.audience import PlanAudience

        return PlanAudience(index=self.index, recent=self.recent)

    @cached_property
    def index(self) -> "DynamoCategoryIndex":
        from adapters.dynamodb import DynamoCategoryIndex

        return DynamoCategoryIndex(self.client, shards=CATEGORY_SHARDS)

    @cached_property
    def category_partitions(self) -> "DynamoCategoryPartitions":
        from adapters.dynamodb import DynamoCategoryPartitions

        return DynamoCategoryPartitions(self.client, shards=CATEGORY_SHARDS)

    @cached_property
    def key_store(self) -> "DynamoKeyStore":
        from adapters.dynamodb import DynamoKeyStore

        return DynamoKeyStore(self.client)

    @cached_property
    def keys(self) -> "ManageKeys":
        from domain.keys import ManageKeys

        return ManageKeys(store=self.key_store, clock=self.clock)

    def write_training_set(
        self, path: Path, training_set: "TrainingSet", customer_ids: "Sequence[str]"
    ) -> int:
        """How many rows were written to a Parquet file."""
        from adapters.training.files import write_training_set

        return write_training_set(path, training_set, customer_ids)

    def select_features(self, candidates: "Mapping[str, TrainingSet]") -> "Selection":
        """The feature set and penalty that do best in cross-validation."""
        from adapters.training import select

        return select(candidates)

    def train(
        self, selection: "Selection", *, model: str, baseline: "TrainingSet | None" = None
    ) -> "Candidate":
        """A candidate trained, exported, checked through the scorer that will serve it, with a card.

        It is compared with the champion, and with a model of the `baseline`.
        """
        from adapters.model_card import with_card
        from adapters.training import train

        build_scorer = self.registry.gates.scorer_factory("onnx")
        beside: list[Mapping[str, object]] = []
        if baseline is not None:
            single = train(baseline, build_scorer=build_scorer)
            name = ", ".join(single.features.names)
            beside.append({"name": name, "metrics": dict(single.metrics)})
        champion = self.registry.champion(model)
        if champion is not None:
            same = champion.facts.get("held_out_sha256") == selection.training_set.held_out_sha256
            judged = "" if same else ", judged on other customers or dates"
            name = f"the champion, version {champion.version}{judged}"
            beside.append({"name": name, "metrics": dict(champion.metrics)})
        candidate = train(
            selection.training_set,
            build_scorer=build_scorer,
            c=selection.c,
            trials=selection.trials,
            beside=beside,
        )
        return with_card(candidate, model=model)


@contextmanager
def application(
    settings: Settings,
    *,
    batch: bool = False,
    serving: bool = False,
    logged: bool = False,
    instruments: Instruments | None = None,
) -> Iterator[Application]:
    """The application of these settings; its threads and connections end with the block.

    In a `batch` nobody waits for a page: everything is retried until the batch deadline, and
    purchases of several customers share a transaction. While
    `serving`, many wait: nobody waits for a store that is silent. Trouble with the store is `logged`
    and traced where somebody looks, and while `serving`.
    """
    from adapters.dynamodb import DynamoClient

    metrics = metrics_of(settings)
    told = instruments or metrics
    tracing = tracing_of(settings) if serving or logged else None
    client = DynamoClient(
        replace(_options(settings, batch=batch), breaker=serving),
        observer=store_observer(told, tracing, logged=serving or logged),
    )
    try:
        yield Application(settings, client, metrics, told, tracing)
    finally:
        client.close()
        if tracing is not None:
            tracing.close()


def _options(settings: Settings, *, batch: bool) -> "DynamoOptions":
    from adapters.dynamodb import DynamoOptions

    options = DynamoOptions(
        endpoint=settings.endpoint_url,
        region=settings.region,
        table_prefix=settings.table_prefix,
        credentials=settings.credentials,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        read_deadline_s=settings.read_deadline_s,
        write_deadline_s=settings.write_deadline_s,
        connections=settings.connections,
    )
    if not batch:
        return options
    patience = settings.batch_deadline_s
    return replace(
        options,
        read_timeout_s=min(patience, BATCH_READ_TIMEOUT_S),
        read_deadline_s=patience,
        write_deadline_s=patience,
        customers_together=CUSTOMERS_TOGETHER,
    )
