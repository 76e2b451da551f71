"""The connection to DynamoDB, which counts what every one of its calls costs."""

from typing import Any

from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from adapters.dynamodb.wire.capacity import read_units, refused_write_units, write_units
from domain.cost import count_round_trip, count_units

_INDEXES = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")


class CountingConnection(Connection):
    """PynamoDB's connection; all of its operations, and those of its models, are dispatched here."""

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """The answer of one request, counted; PynamoDB asks each for its consumed capacity."""
        count_round_trip()
        try:
            answer: dict[str, Any] = super().dispatch(operation_name, operation_kwargs)
        except ClientError as exc:
            count_units(writes=refused_write_units(operation_name, operation_kwargs, _answer(exc)))
            raise
        count_units(
            reads=read_units(operation_name, operation_kwargs, answer),
            writes=write_units(operation_name, operation_kwargs, answer, self._indexes),
        )
        return answer

    def _indexes(self, table: str) -> int:
        schema = self.get_meta_table(table).data
        return sum(len(schema.get(kind) or ()) for kind in _INDEXES)


def _answer(exc: ClientError) -> dict[str, Any]:
    """What DynamoDB answered: PynamoDB raises its own error from botocore's, which has it all."""
    cause = exc.__cause__ if isinstance(exc.__cause__, ClientError) else exc
    return dict(cause.response)
