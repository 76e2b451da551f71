"""One DynamoDB connection: models bound to it, blocking calls in threads, retries under a deadline."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from adapters.dynamodb.schema import CategoryRow, KeyRow, PurchaseRow, RecentRow
from adapters.dynamodb.wire.answers import check_answers
from adapters.dynamodb.wire.backoff import Deadline
from adapters.dynamodb.wire.breaker import Breaker
from adapters.dynamodb.wire.capacity import read_units
from adapters.dynamodb.wire.connection import CountingConnection, tables_of, unprocessed
from adapters.dynamodb.wire.errors import call_outcome, is_transient, translated
from adapters.dynamodb.wire.transport import Transport, open_session
from domain.cost import NO_UNITS, count_refusal, count_round_trip, count_units
from domain.errors import StoreUnavailable
from domain.store_calls import CallOutcome, StoreCall, StoreObserver

T = TypeVar("T")
_VENDOR = (PynamoDBException, BotoCoreError, ClientError)
_COUNTED = {"ReturnConsumedCapacity": "TOTAL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoOptions:
    """Where the tables are and how long to wait for them.

    `endpoint` None is AWS itself; `credentials` None are found as botocore finds them. With a
    `breaker`, calls fail at once while the store is silent, instead of waiting for it.
    """

    endpoint: str | None
    region: str
    table_prefix: str = ""
    credentials: tuple[str, str] | None = None
    connect_timeout_s: float = 0.5
    read_timeout_s: float = 1.0
    read_deadline_s: float = 2.0
    write_deadline_s: float = 5.0
    connections: int = 32
    breaker: bool = False


class DynamoClient:
    """A warmed connection with the models bound to its tables. Thread-safe after construction.

    Reads go over `transport`, on the event loop. Writes and the tables' care are PynamoDB's, which
    blocks: each of its calls runs in one of `connections` threads. Its own retries are off: they
    sleep for seconds and know no deadline.
    """

    def __init__(
        self,
        options: DynamoOptions,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        observer: StoreObserver | None = None,
    ) -> None:
        # At DEBUG PynamoDB and botocore log every key and value.
        for name in ("pynamodb", "botocore"):
            logging.getLogger(name).setLevel(logging.INFO)
        self.options = options
        self.monotonic = monotonic
        self._threads = ThreadPoolExecutor(options.connections, thread_name_prefix="dynamodb")
        key_id, secret = options.credentials or (None, None)
        self.connection = CountingConnection(
            region=options.region,
            host=options.endpoint,
            connect_timeout_seconds=options.connect_timeout_s,
            read_timeout_seconds=options.read_timeout_s,
            max_retry_attempts=0,
            max_pool_connections=options.connections,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
        self.connection.observer = observer
        check_answers(self.connection.session)
        client: Any = self.connection.client  # its lazy creation is not thread-safe
        self.transport = self._transport(client.meta.endpoint_url)
        self.around = Breaker(monotonic=monotonic).around if options.breaker else nullcontext
        self.purchases = self._bound(PurchaseRow)
        self.recent = self._bound(RecentRow)
        self.categories = self._bound(CategoryRow)
        self.keys = self._bound(KeyRow)

    def _transport(self, url: str) -> Transport:
        session, options = self.connection.session, self.options
        return Transport(
            url=url,
            region=options.region,
            find_credentials=lambda: (
                Credentials(*options.credentials)
                if options.credentials
                else session.get_credentials()
            ),
            open_session=lambda: open_session(
                session,
                connect_timeout_s=options.connect_timeout_s,
                connections=options.connections,
            ),
        )

    def _bound(self, model: type[Model]) -> type[Any]:
        """The model with this deployment's table name, speaking through the one connection."""
        name = self.options.table_prefix + model.Meta.table_name
        settings = {
            "table_name": name,
            "region": self.options.region,
            "host": self.options.endpoint,
        }
        meta = type("Meta", (cast("type", model.Meta),), settings)
        bound: type[Any] = type(model.__name__, (model,), {"Meta": meta})
        table = bound._get_connection()  # noqa: SLF001  # PynamoDB offers no public way to share a connection
        self.connection.add_meta_table(table.get_meta_table())
        table.connection = self.connection
        return bound

    def read_deadline(self) -> Deadline:
        """The deadline of a read that begins now."""
        return self._deadline(self.options.read_deadline_s)

    def write_deadline(self) -> Deadline:
        """The deadline of a write that begins now."""
        return self._deadline(self.options.write_deadline_s)

    def _deadline(self, seconds: float) -> Deadline:
        observer = self.connection.observer
        if observer is None:
            return Deadline(seconds, clock=self.monotonic)
        return Deadline(seconds, clock=self.monotonic, on_retry=observer.retried)

    async def read(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """The answer to one request that reads, retried with full jitter while that may help.

        Raises:
            StoreUnavailable: no answer before the deadline, or one that retrying cannot mend.
        """
        return await _retried(deadline, lambda: self.read_once(deadline, operation, request))

    async def pages(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Every page of a Query or Scan in order, each as `read` answers it."""
        more: Mapping[str, Any] = {}
        while True:
            page = await self.read(deadline, operation, {**request, **more})
            yield page
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return
            more = {"ExclusiveStartKey": start_key}

    async def read_once(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """The answer to one request that reads, counted; vendor errors pass as they are.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        if (left := deadline.left()) <= 0:
            raise StoreUnavailable("no time was left to ask DynamoDB")
        patience = self.options.read_timeout_s
        try:
            with self.around():
                async with asyncio.timeout(min(left, patience)):
                    return await self._sent(operation, request)
        except TimeoutError as exc:
            if left <= patience:
                raise StoreUnavailable("DynamoDB did not answer before the deadline") from exc
            raise ReadTimeoutError(endpoint_url=self.connection.client.meta.endpoint_url) from exc

    async def _sent(self, operation: str, request: dict[str, Any]) -> Mapping[str, Any]:
        """The answer, counted and observed."""
        count_round_trip()
        reads, outcome, began = NO_UNITS, CallOutcome.ANSWERED, time.perf_counter()
        answer: Mapping[str, Any] = {}
        try:
            answer = await self.transport.send(operation, request | _COUNTED)
            reads = read_units(operation, request, answer)
        except BaseException as exc:
            outcome = call_outcome(exc)
            raise
        finally:
            count_units(reads=reads)
            if self.connection.observer is not None:
                seconds, left = time.perf_counter() - began, unprocessed(answer)
                self.connection.observer.called(
                    StoreCall(
                        operation, seconds, outcome, left, reads.total, tables=tables_of(request)
                    )
                )
        return answer

    async def once(self, deadline: Deadline, call: Callable[..., T], /, *args: object) -> T:
        """The result of one blocking call, made in a thread; vendor errors pass as they are.

        A call that is late goes on in its thread until its socket times out; one that is still
        waiting for a thread is never made.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        if (left := deadline.left()) <= 0:
            raise StoreUnavailable("no time was left to ask DynamoDB")
        try:
            with self.around():
                async with asyncio.timeout(left):
                    return await asyncio.get_running_loop().run_in_executor(
                        self._threads, copy_context().run, call, *args
                    )
        except TimeoutError as exc:
            raise StoreUnavailable("DynamoDB did not answer before the deadline") from exc

    async def retried(self, deadline: Deadline, call: Callable[..., T], /, *args: object) -> T:
        """The result of an idempotent blocking call, retried with full jitter while that may help.

        Raises:
            StoreUnavailable: no answer before the deadline, or one that retrying cannot mend.
        """
        return await _retried(deadline, lambda: self.once(deadline, call, *args))

    def close(self) -> None:
        """No thread is left once this returns."""
        self._threads.shutdown(wait=True, cancel_futures=True)


async def _retried(deadline: Deadline, attempt: Callable[[], Awaitable[T]]) -> T:
    """The first answer of an attempt, with full jitter between them; vendor errors translated."""
    pauses = deadline.pauses()
    with translated():
        while True:
            try:
                return await attempt()
            except _VENDOR as exc:
                if not is_transient(exc):
                    raise
                count_refusal()
                if (pause := next(pauses, None)) is None:
                    raise
            await asyncio.sleep(pause)
