"""Read units of an answer, as DynamoDB reports them, and the sizes to compute them from if not."""

from collections.abc import Mapping
from typing import Any

from domain.cost import ReadUnits


def measured(answer: Mapping[str, Any]) -> ReadUnits | None:
    """The read units that the answer reports: one entry, or one per table; None without any."""
    reported = answer.get("ConsumedCapacity")
    if not reported:
        return None
    entries = reported if isinstance(reported, list) else [reported]
    return ReadUnits(measured=sum(float(entry["CapacityUnits"]) for entry in entries))


def item_bytes(item: Mapping[str, Any]) -> int:
    """The size of an item of texts, numbers and sets of texts. Source: AWS, item sizes."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    if "SS" in value:
        return len("".join(value["SS"]).encode())
    if "N" in value:
        return len(value["N"]) // 2 + 2
    return len(value["S"].encode())
