"""The use cases of a deployment, each built when it is first asked for.

An import stands where what it brings is built: a command that reads the tables loads neither the
HTTP stack nor the models.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.composition.metrics import Metrics, metrics_of
from api.composition.registry import audit_trail, open_registry, presence_only
from api.process import Settings
from domain.values import Currency

if TYPE_CHECKING:
    from litestar import Litestar

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
    from domain.customers import CustomerRecords, EraseCustomer, EveryCustomer
    from domain.features import FeatureSet
    from domain.keys import ManageKeys
    from domain.prediction import PredictPropensity, Traffic
    from domain.purchases import CancelPurchase, ImportPurchases, RefundPurchase, TakeIn
    from domain.training import CollectHistories, Selection, TrainingSet
    from domain.verification import VerifyRecent
    from model_registry.registry import Registry
    from model_registry.serving import LiveModels, Presence
    from model_registry.versions import Candidate

BATCH_READ_TIMEOUT_S = 10.0
"""Longer, and Ctrl-C would wait for a hung socket."""
CATEGORY_SHARDS = 16
"""Hash classes of customers, the same in every category; each has a partition of the index or more.

Positions, cursors and training samples count on it, so it is no setting.
"""


class Application:
    """Every use case of a deployment; each is built once, when it is asked for."""

    def __init__(
        self, settings: Settings, client: "DynamoClient", metrics: "Metrics | None" = None
    ) -> None:
        self.metrics = metrics
        self.settings = settings
        self.client = client
        self.clock = SystemClock()
        self.currency = Currency.of(settings.currency)
        self._retention = settings.retention

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

        return LiveModels(self.registry, self.settings.served_models)

    def audience_traffic(self, model: str | None = None) -> "Traffic":
        """The versions that score audiences, of the model that is named or of the usual one.

        Raises:
            InvalidRequest: the model does not serve here.
            NoLiveModel: no version of it does.
        """
        return self.live.snapshot(model or self.settings.audience_model or None)

    @cached_property
    def predict(self) -> "PredictPropensity":
        from domain.prediction import PredictPropensity
        from domain.recent import RecentFirst, SharedReads

        return PredictPropensity(
            read=RecentFirst(recent=SharedReads(self.recent), by_time=self.history),
            traffic=self.live.snapshot,
            policy=self.settings.banner_policy,
            clock=self.clock,
        )

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
            concurrent_customers=self.settings.connections,
        )
        return TakeIn(record=record, refund=self.refund, cancel=self.cancel)

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
        from domain.customers import EraseCustomer

        return EraseCustomer(
            eraser=DynamoCustomerEraser(self.client),
            clock=self.clock,
            suppression_days=self.settings.erasure_suppression_days,
            campaigns=campaign_eraser(self.settings),
        )

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
        from adapters.dynamodb import DynamoPurchaseHistory

        return DynamoPurchaseHistory(
            self.client, clock=self.clock, retention=self._retention.purchases
        )

    @cached_property
    def recent(self) -> "DynamoRecentPurchases":
        from adapters.dynamodb import DynamoRecentPurchases

        return DynamoRecentPurchases(self.client, clock=self.clock, retention=self._retention)

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

    def http(self, *, close: Callable[[], object]) -> "Litestar":
        """The HTTP application, which loads models from its start on; at its end it calls `close`."""
        from api.composition.campaigns import open_campaigns
        from api.composition.web import customer_tokens, flags_of, sign_token
        from api.http import MAX_PURCHASES, Cursors, create_app
        from api.http.access import Access, Openness
        from api.http.admission import Admission
        from api.http.services import Audiences, Deciding, Readiness, Services
        from api.process.key_polling import KeyPolling
        from api.process.polling import LivePolling
        from domain.keys import Keyring
        from domain.prediction import DecideFlags
        from model_registry.serving import ShadowScoring

        settings = self.settings
        campaigns = open_campaigns(settings, members=False)
        shadows = ThreadPoolExecutor(1, thread_name_prefix="shadows")
        shadowing = {
            name: ShadowScoring(settings.banner_policy, hand_off=shadows.submit)
            for name in settings.served_models
        }
        polling = [
            LivePolling(
                live,
                self.presence,
                every_s=settings.registry_poll_s,
                shadow_reports=shadowing[name].newest,
            )
            for name, live in self.live.by_name.items()
        ]
        predict = replace(
            self.predict,
            observe=lambda observation: shadowing[observation.traffic.name].observe(observation),
        )
        if self.metrics is not None:
            predict = replace(predict, answered=self.metrics.predictions)

        def stop() -> None:
            for each in polling:
                each.stop()
            shadows.shutdown(cancel_futures=True)  # what waits is of no use any more
            close()

        keyring = Keyring(clock=self.clock, monotonic=time.monotonic)
        key_polling = KeyPolling(self.key_store, keyring)
        key = settings.cursor_key
        cursors = Cursors(
            None if key is None else key.value, ttl_s=settings.cursor_ttl_s, clock=self.clock
        )
        admission = Admission(in_work=settings.requests_in_work, waiting=settings.requests_waiting)
        watches = [] if self.metrics is None else [self.metrics.watch(admission, self.live)]
        return create_app(
            Services(
                predict=predict,
                take_in=replace(self.take_in, max_items=MAX_PURCHASES),
                refund=self.refund,
                cancel=self.cancel,
                erase=self.erase,
                index=self.index,
                audiences=Audiences(
                    score=self.audience,
                    plan=self.plan_audience,
                    cursors=cursors,
                    traffic=self.audience_traffic,
                    clock=self.clock,
                    page_deadline_s=settings.read_deadline_s,
                    stream_deadline_s=settings.audience_deadline_s,
                ),
                campaigns=campaigns,
                campaign_records=campaigns,
                readiness=Readiness(
                    health=self.tables,
                    traffic={n: each.snapshot for n, each in self.live.by_name.items()},
                    problems=lambda name: self.live.by_name[name].problems,
                ),
                registry=self.registry,
                presence=self.presence,
                keys=self.keys,
                deciding=Deciding(
                    decide=DecideFlags(
                        predict=predict,
                        flags=flags_of(settings),
                        deadline_s=settings.decision_deadline_ms / 1_000,
                    )
                ),
                customer_tokens=customer_tokens(settings),
                audit=audit_trail(settings),
            ),
            currency=self.currency,
            access=Access(keyring=keyring, openness=Openness.of(settings)),
            admission=admission,
            observer=None if self.metrics is None else self.metrics.requests,
            silence_s=settings.client_silence_s,
            sign_token=partial(sign_token, settings) if settings.demo_shop else None,
            start=[*(e.start for e in polling), key_polling.start, *(e.start for e in watches)],
            close=[*(e.stop for e in watches), key_polling.stop, stop],
        )


@contextmanager
def application(
    settings: Settings, *, batch: bool = False, serving: bool = False
) -> Iterator[Application]:
    """The application of these settings; its threads and connections end with the block.

    In a `batch` nobody waits for a page: everything is retried until the batch deadline. While
    `serving`, many wait: nobody waits for a store that is silent.
    """
    from adapters.dynamodb import DynamoClient

    metrics = metrics_of(settings) if serving else None
    client = DynamoClient(
        replace(_options(settings, batch=batch), breaker=serving),
        observer=None if metrics is None else metrics.store,
    )
    try:
        yield Application(settings, client, metrics)
    finally:
        client.close()


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
    )
