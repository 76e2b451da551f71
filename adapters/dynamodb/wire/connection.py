"""The connection to DynamoDB, which counts what every one of its calls costs."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from adapters.dynamodb.wire.capacity import read_units, refused_write_units, write_units
from adapters.dynamodb.wire.errors import call_outcome
from domain.cost import NO_UNITS, count_round_trip, count_units
from domain.store_calls import CallOutcome, StoreCall, StoreObserver

_INDEXES = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")


class CountingConnection(Connection):
    """PynamoDB's connection; all of its operations, and those of its models, are dispatched here."""

    observer: StoreObserver | None = None

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """The answer of one request, counted; PynamoDB asks each for its consumed capacity."""
        count_round_trip()
        reads = writes = NO_UNITS
        outcome, answer, began = CallOutcome.ANSWERED, {}, time.perf_counter()
        try:
            answer = super().dispatch(operation_name, operation_kwargs)
            reads = read_units(operation_name, operation_kwargs, answer)
            writes = write_units(operation_name, operation_kwargs, answer, self._indexes)
        except Exception as exc:
            outcome = call_outcome(exc)
            if isinstance(exc, ClientError):
                writes = refused_write_units(operation_name, operation_kwargs, _answer(exc))
            raise
        finally:
            count_units(reads=reads, writes=writes)
            if self.observer is not None:
                seconds, left = time.perf_counter() - began, unprocessed(answer)
                self.observer.called(
                    StoreCall(
                        operation_name,
                        seconds,
                        outcome,
                        left,
                        reads.total,
                        writes.total,
                        tables_of(operation_kwargs),
                    )
                )
        return answer

    def _indexes(self, table: str) -> int:
        schema = self.get_meta_table(table).data
        return sum(len(schema.get(kind) or ()) for kind in _INDEXES)


def unprocessed(answer: Mapping[str, Any]) -> int:
    """How many keys or items of a batch were left for later."""
    left = answer.get("UnprocessedKeys") or answer.get("UnprocessedItems") or {}
    return sum(len(each["Keys"] if isinstance(each, Mapping) else each) for each in left.values())


def tables_of(request: Mapping[str, Any]) -> tuple[str, ...]:
    """The tables that a request names, each once."""
    if name := request.get("TableName"):
        return (name,)
    if batch := request.get("RequestItems"):
        return tuple(batch)
    parts = request.get("TransactItems") or ()
    return tuple(dict.fromkeys(each["TableName"] for part in parts for each in part.values()))


def _answer(exc: ClientError) -> dict[str, Any]:
    """What DynamoDB answered: PynamoDB raises its own error from botocore's, which has it all."""
    cause = exc.__cause__ if isinstance(exc.__cause__, ClientError) else exc
    return dict(cause.response)
