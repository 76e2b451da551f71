"""Units of an answer: as DynamoDB reports them, else computed from what can be seen of it.

Source: AWS, "DynamoDB read and write operations" and "Transactions: capacity management".
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.cost import (
    BYTES_PER_UNIT,
    BYTES_PER_WRITE_UNIT,
    INDEX_ENTRY_BYTES,
    TRANSACTION_WRITES,
    Units,
)

NESTED_BYTES = 3
"""Of a list or a map, beside one for each element."""
_CONDITION_FAILED = "ConditionalCheckFailed"

Document = Mapping[str, Any]


def read_units(operation: str, request: Document, answer: Document) -> Units:
    """What an answered call consumed by reading; nothing, if it is not a read."""
    if operation not in _READS:
        return Units()
    return _measured(answer) or Units(computed=_READS[operation](request, answer))


def write_units(
    operation: str, request: Document, answer: Document, indexes: Callable[[str], int]
) -> Units:
    """What an answered call consumed by writing; nothing, if it is not a write.

    `indexes` tells how many indexes of a table have an entry of an item put there.
    """
    if operation == "TransactWriteItems":
        return _measured(answer) or Units(computed=_of_transaction(request, indexes))
    if operation == "UpdateItem":
        return _measured(answer) or Units(computed=_writes(_updated(request, answer)))
    if operation == "PutItem":
        return _measured(answer) or Units(computed=_writes(item_bytes(request["Item"])))
    if operation == "BatchWriteItem":
        return _measured(answer) or Units(computed=_of_deletes(request, answer, indexes))
    return Units()


def refused_write_units(operation: str, request: Document, answer: Document) -> Units:
    """What a refused call consumed: a write whose condition does not hold costs as one that does.

    Only its indexes have nothing to follow. Any other refusal is free of charge.
    """
    codes = [reason.get("Code") for reason in answer.get("CancellationReasons", ())]
    if operation == "TransactWriteItems" and _CONDITION_FAILED in codes:
        return Units(computed=_of_transaction(request, lambda _: 0))
    return Units()


def item_bytes(item: Document) -> int:
    """The size of an item. Source: AWS, "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Document) -> int:
    if "SS" in value:
        return len("".join(value["SS"]).encode())
    if "BS" in value:
        return sum(len(each) * 3 // 4 - each.count("=") for each in value["BS"])
    if "N" in value:
        return len(value["N"]) // 2 + 2
    if "L" in value:
        return NESTED_BYTES + sum(1 + _value_bytes(each) for each in value["L"])
    if "M" in value:
        return NESTED_BYTES + len(value["M"]) + item_bytes(value["M"])
    return len(value["S"].encode())


def _measured(answer: Document) -> Units | None:
    """The units that the answer reports: one entry, or one per table; None without any.

    None where it reports nothing consumed, as DynamoDB Local does for an empty page of an index.
    """
    reported = answer.get("ConsumedCapacity")
    if not reported:
        return None
    entries = reported if isinstance(reported, list) else [reported]
    units = sum(float(entry["CapacityUnits"]) for entry in entries)
    return Units(measured=units) if units else None


def _reads(size: int, request: Document) -> float:
    """One read of so many bytes; nothing found costs as much as a little."""
    units = max(1, -(-size // BYTES_PER_UNIT))
    return float(units) if request.get("ConsistentRead") else units / 2


def _of_item(request: Document, answer: Document) -> float:
    return _reads(item_bytes(answer.get("Item", {})), request)


def _of_page(request: Document, answer: Document) -> float:
    """A page is rounded up as a whole; of a projection only a part of each item is seen."""
    seen = sum(map(item_bytes, answer["Items"]))
    if "ProjectionExpression" in request:
        seen = max(seen, len(answer["Items"]) * INDEX_ENTRY_BYTES)
    return _reads(seen, request)


def _of_batch(request: Document, answer: Document) -> float:
    """Each key that was read costs for itself, whether an item is there or not."""
    units = 0.0
    for table, wanted in request["RequestItems"].items():
        found = answer["Responses"].get(table, ())
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())
        missing = len(wanted["Keys"]) - len(left) - len(found)
        units += sum(_reads(item_bytes(item), wanted) for item in found)
        units += missing * _reads(0, wanted)
    return units


_READS: Mapping[str, Callable[[Document, Document], float]] = {
    "GetItem": _of_item,
    "Query": _of_page,
    "Scan": _of_page,
    "BatchGetItem": _of_batch,
}


def _writes(size: int) -> float:
    return float(max(1, -(-size // BYTES_PER_WRITE_UNIT)))


def _of_transaction(request: Document, indexes: Callable[[str], int]) -> float:
    units = 0.0
    for action in request["TransactItems"]:
        for kind, item in action.items():
            size = item_bytes(item["Item"]) if kind == "Put" else _updated(item, {})
            entries = indexes(item["TableName"]) if kind == "Put" else 0
            units += (TRANSACTION_WRITES + entries) * _writes(size)
    return units


def _of_deletes(request: Document, answer: Document, indexes: Callable[[str], int]) -> float:
    """At least a unit for each item that was deleted, and one for its entry of each index."""
    left = answer.get("UnprocessedItems", {})
    return float(
        sum(
            (len(deletes) - len(left.get(table, ()))) * (1 + indexes(table))
            for table, deletes in request["RequestItems"].items()
        )
    )


def _updated(request: Document, answer: Document) -> int:
    """The size of an updated item as returned, else at least what is new of it."""
    if "Attributes" in answer:
        return item_bytes(answer["Attributes"])
    return item_bytes(request["Key"]) + item_bytes(request.get("ExpressionAttributeValues", {}))
