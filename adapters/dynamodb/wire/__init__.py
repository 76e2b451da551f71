"""Requests to DynamoDB: sent, counted, retried, and their errors translated."""

from adapters.dynamodb.wire.backoff import Deadline as Deadline
from adapters.dynamodb.wire.capacity import item_bytes as item_bytes
from adapters.dynamodb.wire.client import DynamoClient as DynamoClient
from adapters.dynamodb.wire.errors import VENDOR as VENDOR
from adapters.dynamodb.wire.errors import Reason as Reason
from adapters.dynamodb.wire.errors import cancellation_reasons as cancellation_reasons
from adapters.dynamodb.wire.errors import condition_failed as condition_failed
from adapters.dynamodb.wire.errors import error_code as error_code
from adapters.dynamodb.wire.errors import is_transient as is_transient
from adapters.dynamodb.wire.errors import pause_or_raise as pause_or_raise
from adapters.dynamodb.wire.errors import translated as translated
