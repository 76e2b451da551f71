"""One DynamoDB connection: models bound to it, calls on the event loop, retries under a deadline."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.connection import Connection
from pynamodb.models import Model

from adapters.dynamodb.schema import CategoryRow, KeyRow, PurchaseRow, RecentRow
from adapters.dynamodb.wire.answers import check_answers
from adapters.dynamodb.wire.backoff import Deadline
from adapters.dynamodb.wire.breaker import Breaker
from adapters.dynamodb.wire.calls import tables_of, unprocessed
from adapters.dynamodb.wire.capacity import read_units, refused_write_units, write_units
from adapters.dynamodb.wire.descriptions import share_descriptions
from adapters.dynamodb.wire.errors import VENDOR, call_outcome, error_code, is_transient, translated
from adapters.dynamodb.wire.transport import Transport, open_session
from domain.cost import NO_UNITS, count_refusal, count_round_trip, count_units
from domain.errors import StoreUnavailable
from domain.store_calls import CallOutcome, StoreCall, StoreObserver

T = TypeVar("T")
_COUNTED = {"ReturnConsumedCapacity": "TOTAL"}
_INDEXES = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
_CONDITION_FAILED = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoOptions:
    """Where the tables are and how long to wait for them.

    `endpoint` None is AWS itself; `credentials` None are found as botocore finds them. With a
    `breaker`, calls fail at once while the store is silent, instead of waiting for it. So many
    `customers_together` at most have their purchases written in one transaction.
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
    customers_together: int = 1


class DynamoClient:
    """A connection with the models bound to its tables. Thread-safe after construction.

    What is read and written goes over `transport`, on the event loop. The tables' care is PynamoDB's,
    which blocks. Its own retries are off: they sleep for seconds and know no deadline.
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
        self.observer = observer
        key_id, secret = options.credentials or (None, None)
        self.connection = Connection(
            region=options.region,
            host=options.endpoint,
            connect_timeout_seconds=options.connect_timeout_s,
            read_timeout_seconds=options.read_timeout_s,
            max_retry_attempts=0,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
        share_descriptions(self.connection.session)
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
                secure=url.startswith("https:"),
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
        observer = self.observer
        if observer is None:
            return Deadline(seconds, clock=self.monotonic)
        return Deadline(seconds, clock=self.monotonic, on_retry=observer.retried)

    async def call(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """The answer to one request, retried with full jitter while that may help.

        Raises:
            StoreUnavailable: no answer before the deadline, or one that retrying cannot mend. A
                write may have been made.
        """
        return await _retried(deadline, lambda: self.call_once(deadline, operation, request))

    async def written(self, deadline: Deadline, operation: str, request: dict[str, Any]) -> bool:
        """Whether one item was written; not, where the condition does not hold. Retried as `call`.

        An attempt whose answer was lost may be why the condition does not hold any more.

        Raises:
            StoreUnavailable: it may be written or not.
        """

        async def attempt() -> bool:
            try:
                await self.call_once(deadline, operation, request)
            except ClientError as exc:
                if error_code(exc) != _CONDITION_FAILED:
                    raise
                return False
            return True

        return await _retried(deadline, attempt)

    async def pages(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Every page of a Query or Scan in order, each as `call` answers it."""
        more: Mapping[str, Any] = {}
        while True:
            page = await self.call(deadline, operation, {**request, **more})
            yield page
            if (start_key := page.get("LastEvaluatedKey")) is None:
                return
            more = {"ExclusiveStartKey": start_key}

    async def call_once(
        self, deadline: Deadline, operation: str, request: dict[str, Any]
    ) -> Mapping[str, Any]:
        """The answer to one request, counted; vendor errors pass as they are.

        Raises:
            StoreUnavailable: no answer before the deadline; a write may have been made.
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
        reads = writes = NO_UNITS
        outcome, began = CallOutcome.ANSWERED, time.perf_counter()
        answer: Mapping[str, Any] = {}
        try:
            costs = {} if operation == "DescribeTable" else _COUNTED
            answer = await self.transport.send(operation, request | costs)
            reads = read_units(operation, request, answer)
            writes = write_units(operation, request, answer, self._indexes)
        except BaseException as exc:
            outcome = call_outcome(exc)
            if isinstance(exc, ClientError):
                writes = refused_write_units(operation, request, exc.response)
            raise
        finally:
            count_units(reads=reads, writes=writes)
            if self.observer is not None:
                self.observer.called(
                    StoreCall(
                        operation,
                        time.perf_counter() - began,
                        outcome,
                        unprocessed(answer),
                        reads.total,
                        writes.total,
                        tables_of(request),
                    )
                )
        return answer

    def _indexes(self, table: str) -> int:
        """How many indexes have an entry of an item of the table."""
        schema = self.connection.get_meta_table(table).data
        return sum(len(schema.get(kind) or ()) for kind in _INDEXES)

    def close(self) -> None:
        """No connection of PynamoDB's is left once this returns."""
        self.connection.client.close()


async def _retried(deadline: Deadline, attempt: Callable[[], Awaitable[T]]) -> T:
    """The first answer of an attempt, with full jitter between them; vendor errors translated."""
    pauses = deadline.pauses()
    with translated():
        while True:
            try:
                return await attempt()
            except VENDOR as exc:
                if not is_transient(exc):
                    raise
                count_refusal()
                if (pause := next(pauses, None)) is None:
                    raise
            await asyncio.sleep(pause)
