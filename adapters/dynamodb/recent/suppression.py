"""The suppression of an erased customer: how the recent item says it, and what heeds it."""

from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.condition import Condition

from adapters.dynamodb.schema import RecentRow

SUPPRESSED: str = RecentRow.suppressed_until.attr_name


def is_taken(model: type[Any], now: int | str) -> Condition:
    """That the customer of a recent item is not suppressed: never erased, or long enough ago.

    A text for the instant is a slot.
    """
    until = model.suppressed_until
    taken: Condition = until.does_not_exist() | (until <= now)
    return taken


def is_suppressed(item: Mapping[str, Any] | None, now: int) -> bool:
    """Whether the customer of a recent item is suppressed; of none is nothing known."""
    return item is not None and SUPPRESSED in item and int(item[SUPPRESSED]["N"]) > now
