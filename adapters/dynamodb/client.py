"""One DynamoDB connection: models bound to it, blocking calls in threads, retries under a deadline."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from adapters.dynamodb.backoff import Backoff
from adapters.dynamodb.errors import is_transient, translated
from adapters.dynamodb.models import CategoryRow, PurchaseRow, RecentRow

T = TypeVar("T")
_VENDOR = (PynamoDBException, BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoOptions:
    """Where the tables are and how long to wait for them.

    `endpoint` None is AWS itself; `credentials` None are found as botocore finds them.
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


class DynamoClient:
    """A warmed connection with the models bound to its tables. Thread-safe after construction.

    PynamoDB blocks, so every call runs in one of `connections` threads. Its own retries are off:
    they sleep for seconds and know no deadline.
    """

    def __init__(self, options: DynamoOptions) -> None:
        # At DEBUG PynamoDB and botocore log every key and value.
        for name in ("pynamodb", "botocore"):
            logging.getLogger(name).setLevel(logging.INFO)
        self.options = options
        self._threads = ThreadPoolExecutor(options.connections, thread_name_prefix="dynamodb")
        key_id, secret = options.credentials or (None, None)
        self.connection = Connection(
            region=options.region,
            host=options.endpoint,
            connect_timeout_seconds=options.connect_timeout_s,
            read_timeout_seconds=options.read_timeout_s,
            max_retry_attempts=0,
            max_pool_connections=options.connections,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
        _ = self.connection.client  # its lazy creation is not thread-safe
        self.purchases = self._bound(PurchaseRow)
        self.recent = self._bound(RecentRow)
        self.categories = self._bound(CategoryRow)

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

    async def run(self, call: Callable[..., T], /, *args: object) -> T:
        """The result of one blocking call, made in a thread; vendor errors pass as they are."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def read(self, call: Callable[..., T], /, *args: object) -> T:
        """The result of a blocking read, retried with full jitter while that may help.

        Raises:
            StoreUnavailable: no answer before the read deadline, or one that retrying cannot mend.
        """
        delays = Backoff(deadline_s=self.options.read_deadline_s).delays()
        with translated():
            while True:
                try:
                    return await self.run(call, *args)
                except _VENDOR as exc:
                    delay = next(delays, None)
                    if delay is None or not is_transient(exc):
                        raise
                await asyncio.sleep(delay)

    def close(self) -> None:
        """No thread is left once this returns."""
        self._threads.shutdown(wait=True, cancel_futures=True)
