"""What an observer is told of a call beside its outcome and cost."""

from collections.abc import Mapping
from typing import Any


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
