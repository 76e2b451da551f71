"""The composition root: the one place where adapters are built and use cases get theirs."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from litestar import Litestar

from adapters.audience_files import AudienceFiles, open_audience_files
from adapters.candidate_folder import read_candidate
from adapters.clock import SystemClock
from adapters.complete_journey import CompleteJourneyPurchases
from adapters.dynamodb import (
    DynamoCategoryIndex,
    DynamoClient,
    DynamoCustomerEraser,
    DynamoCustomerRecords,
    DynamoOptions,
    DynamoPurchaseCanceller,
    DynamoPurchaseHistory,
    DynamoPurchaseRecorder,
    DynamoRecentPurchases,
    DynamoRecentRebuilder,
    DynamoTables,
    RetentionMarks,
)
from adapters.embedded import EmbeddedEngine, port_is_free
from adapters.object_store import open_object_store
from adapters.purchase_files import PurchaseFile, open_purchase_file
from adapters.sqs import SqsClient, SqsOptions
from adapters.training import train
from api.http import MAX_PURCHASES, Cursors, create_app
from api.http.services import Services
from api.process import LivePolling, Settings
from api.queue import Consume, Worker
from domain.audience import PlanAudience, ScoreAudience
from domain.categories import CategoryIndex
from domain.customers import CustomerRecords, EraseCustomer, EveryCustomer
from domain.errors import Rejected
from domain.features import FEATURE_SETS
from domain.prediction import PredictPropensity
from domain.purchases import CancelPurchase, ImportPurchases, RecordPurchases, TakeIn
from domain.recent import RecentFirst, RecentPurchases, RecentRebuilder, SharedReads, VerifyRecent
from domain.training import CollectHistories, TrainingSet
from domain.values import Currency, instant
from model_registry.gates import LoadGates, ScorerPlugins
from model_registry.ports import ObjectStore
from model_registry.registry import Registry
from model_registry.serving import LiveModel, Presence, ShadowReport, ShadowScoring
from model_registry.versions import Candidate

BATCH_READ_TIMEOUT_S = 10.0
"""Longer, and Ctrl-C would wait for a hung socket."""
CATEGORY_SHARDS = 16
"""Index partitions of a category, 1,000 writes/s each; another number needs a rewritten index."""

__all__ = ["Application", "PurchaseFile", "application", "port_is_free"]


@dataclass(frozen=True, kw_only=True)
class Application:
    """Every use case of a deployment, ready to call."""

    settings: Settings
    clock: SystemClock
    currency: Currency
    tables: DynamoTables
    registry: Registry
    live: LiveModel
    presence: Presence
    predict: PredictPropensity
    take_in: TakeIn
    cancel: CancelPurchase
    erase: EraseCustomer
    records: CustomerRecords
    import_purchases: ImportPurchases
    collect_histories: CollectHistories
    recent: RecentPurchases
    marks: RetentionMarks
    rebuilder: RecentRebuilder
    verify: VerifyRecent
    every_customer: EveryCustomer
    audience: ScoreAudience
    plan_audience: PlanAudience
    index: CategoryIndex
    client: DynamoClient

    def http(self, *, close: Callable[[], object]) -> Litestar:
        """The HTTP application, which loads models from its start on; at its end it calls `close`."""
        shadows = ThreadPoolExecutor(1, thread_name_prefix="shadows")
        shadowing = ShadowScoring(self.settings.banner_policy, hand_off=shadows.submit)

        def shadow_reports() -> Sequence[ShadowReport]:
            shadowing.flush()  # those of the last seconds are told next time
            return shadowing.reports()

        polling = LivePolling(
            self.live,
            self.presence,
            every_s=self.settings.registry_poll_s,
            shadow_reports=shadow_reports,
        )

        def stop() -> None:
            polling.stop()
            shadows.shutdown(cancel_futures=True)  # what waits is of no use any more
            close()

        return create_app(
            Services(
                predict=replace(self.predict, observe=shadowing.observe),
                take_in=replace(self.take_in, max_items=MAX_PURCHASES),
                cancel=self.cancel,
                erase=self.erase,
                health=self.tables,
                traffic=self.live.snapshot,
                problems=lambda: self.live.problems,
                currency=self.currency,
                audience=self.audience,
                plan_audience=self.plan_audience,
                index=self.index,
                cursors=self._cursors(),
                registry=self.registry,
                presence=self.presence,
                tokens=self.settings.tokens,
                clock=self.clock,
                page_deadline_s=self.settings.read_deadline_s,
                audience_deadline_s=self.settings.audience_deadline_s,
                start=polling.start,
                close=stop,
            )
        )

    def _cursors(self) -> Cursors:
        key = self.settings.cursor_key
        return Cursors(
            None if key is None else key.get_secret_value(),
            ttl_s=self.settings.cursor_ttl_s,
            clock=self.clock,
        )

    def train(self, training_set: TrainingSet) -> Candidate:
        """A candidate trained, exported and checked through the scorer that will serve it."""
        return train(training_set, build_scorer=self.registry.gates.scorer_factory("onnx"))


@contextmanager
def application(settings: Settings, *, batch: bool = False) -> Iterator[Application]:
    """The application of these settings; its threads and connections end with the block.

    In a `batch` nobody waits for a page: everything is retried until the batch deadline.
    """
    options = _options(settings)
    if batch:
        patience = settings.batch_deadline_s
        options = replace(
            options,
            read_timeout_s=min(patience, BATCH_READ_TIMEOUT_S),
            read_deadline_s=patience,
            write_deadline_s=patience,
        )
    client = DynamoClient(options)
    try:
        yield _assemble(settings, client)
    finally:
        client.close()


def _assemble(settings: Settings, client: DynamoClient) -> Application:
    clock = SystemClock()
    currency = Currency.of(settings.currency)
    retention = settings.retention
    history = DynamoPurchaseHistory(client, clock=clock, retention=retention.purchases)
    record = RecordPurchases(
        recorder=DynamoPurchaseRecorder(
            client, clock=clock, retention=retention, shards=CATEGORY_SHARDS
        ),
        clock=clock,
        currency=currency,
        retention=retention.purchases,
        concurrent_customers=settings.connections,
    )
    cancel = CancelPurchase(
        canceller=DynamoPurchaseCanceller(client, clock=clock, retention=retention)
    )
    take_in = TakeIn(record=record, cancel=cancel)
    index = DynamoCategoryIndex(client, shards=CATEGORY_SHARDS)
    recent = DynamoRecentPurchases(client, clock=clock, retention=retention)
    store = open_object_store(settings.registry_location)
    registry = _registry(settings, store, clock)
    live = LiveModel(registry, settings.model)
    return Application(
        settings=settings,
        clock=clock,
        currency=currency,
        tables=DynamoTables(client, retention=retention.purchases),
        registry=registry,
        live=live,
        presence=Presence(store=store, clock=clock),
        predict=PredictPropensity(
            history=RecentFirst(recent=SharedReads(recent), by_time=history),
            traffic=live.snapshot,
            policy=settings.banner_policy,
            clock=clock,
        ),
        take_in=take_in,
        cancel=cancel,
        erase=EraseCustomer(
            eraser=DynamoCustomerEraser(client),
            clock=clock,
            suppression_days=settings.erasure_suppression_days,
        ),
        records=DynamoCustomerRecords(client, clock=clock, retention=retention),
        import_purchases=ImportPurchases(take_in=take_in),
        collect_histories=CollectHistories(
            index=index, history=history, clock=clock, retention=retention.purchases
        ),
        recent=recent,
        marks=RetentionMarks(client, clock=clock, retention=retention),
        rebuilder=DynamoRecentRebuilder(client, clock=clock, retention=retention, history=history),
        verify=VerifyRecent(
            history=history,
            recent=recent,
            clock=clock,
            feature_sets=[feature_set(currency) for feature_set in FEATURE_SETS.values()],
        ),
        every_customer=EveryCustomer(index=index),
        audience=ScoreAudience(index=index, recent=recent, history=history),
        plan_audience=PlanAudience(index=index, recent=recent),
        index=index,
        client=client,
    )


@contextmanager
def queues(settings: Settings) -> Iterator[SqsClient]:
    """The connection to SQS; its threads end with the block."""
    client = SqsClient(
        SqsOptions(
            endpoint=settings.queue_url,
            region=settings.region,
            credentials=settings.credentials,
            threads=2 * settings.worker_concurrency + 2,
        )
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def worker(settings: Settings) -> Iterator[Worker]:
    """The queue's worker; its threads and connections end with the block.

    Raises:
        NotFound: a queue does not exist.
        StoreUnavailable: SQS does not answer.
    """
    with application(settings) as built, queues(settings) as client:
        yield Worker(
            queue=client.queue(settings.queue),
            consume=Consume(
                take_in=built.take_in,
                dead_letters=client.queue(settings.dead_letter_name),
            ),
            visibility_s=settings.queue_visibility_s,
            concurrency=settings.worker_concurrency,
        )


def registry_only(settings: Settings) -> Registry:
    """The model registry, for commands that need no tables."""
    store = open_object_store(settings.registry_location)
    return _registry(settings, store, SystemClock())


def presence_only(settings: Settings) -> Presence:
    """Which processes serve which revision, for commands that need no tables."""
    return Presence(store=open_object_store(settings.registry_location), clock=SystemClock())


def _registry(settings: Settings, store: ObjectStore, clock: SystemClock) -> Registry:
    plugins = ScorerPlugins.installed(allowed=settings.scorer_kinds)
    currency = Currency.of(settings.currency)
    gates = LoadGates(
        scorer_factory=plugins.factory,
        currency=currency,
        retention=settings.retention.purchases,
    )
    return Registry(store=store, clock=clock, gates=gates)


def _options(settings: Settings) -> DynamoOptions:
    return DynamoOptions(
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


def engine(settings: Settings) -> EmbeddedEngine:
    """The embedded engine at the endpoint of the settings.

    Raises:
        Rejected: the endpoint is not on this machine.
    """
    if settings.engine_port is None:
        raise Rejected(
            "PROPENSITY_DYNAMODB_ENDPOINT",
            f"is {settings.dynamodb_endpoint}; the embedded engine serves http://127.0.0.1:PORT only",
        )
    return EmbeddedEngine(settings.home / "engine", settings.engine_port)


def sample_purchases(settings: Settings, households: int | None) -> CompleteJourneyPurchases:
    """The real sample data, its time shifted so that it ended when it was first imported here.

    The shift is kept under the home folder: shifted otherwise, every purchase of a second
    import would be in conflict with the first.
    """
    ended = settings.home / "complete-journey-ends"
    if not ended.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        ended.write_text(instant.render(SystemClock()()))
    return CompleteJourneyPurchases(now=instant.parse(ended.read_text()), households=households)


def file_purchases(path: Path) -> PurchaseFile:
    """The purchases of a CSV, NDJSON or Parquet file.

    Raises:
        Rejected: no such file, another kind of file, or its header cannot be read.
    """
    return open_purchase_file(path)


def candidate_in(folder: Path, settings: Settings) -> Candidate:
    """The candidate that a folder describes.

    Raises:
        Rejected: a file is missing, or is not what it should be.
    """
    return read_candidate(folder, Currency.of(settings.currency))


def audience_files(
    kind: str, output: Path | None, *, stdout: BinaryIO, holdout: bool
) -> AbstractContextManager[AudienceFiles]:
    """Where an audience goes: stdout, or files that appear when they are complete."""
    return open_audience_files(kind, output, stdout=stdout, holdout=holdout)
