"""Requests to DynamoDB: sent, counted, retried, and their errors translated."""

from adapters.dynamodb.wire.backoff import Deadline
from adapters.dynamodb.wire.client import DynamoClient
from adapters.dynamodb.wire.errors import (
    cancellation_reasons,
    condition_failed,
    error_code,
    pause_or_raise,
    translated,
)

__all__ = [
    "Deadline",
    "DynamoClient",
    "cancellation_reasons",
    "condition_failed",
    "error_code",
    "pause_or_raise",
    "translated",
]
