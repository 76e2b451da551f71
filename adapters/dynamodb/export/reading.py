"""The purchases of an export, newest state first: what a later export says is not asked again."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from adapters.dynamodb.export.layout import (
    Exports,
    Objects,
    Summary,
    content_of,
    data_files,
    find,
    here,
    lines_of,
)
from adapters.dynamodb.schema import shard_of, why_unreadable
from domain.errors import CorruptRecord
from domain.features import Histories
from domain.purchases import Refund
from domain.retention import PurchaseRetention
from domain.training import FairSample, place_of

OnProgress = Callable[[int, int], None]
_PROGRESS_EVERY = 10_000


class _Text(msgspec.Struct):
    value: str = msgspec.field(name="S")


class _Number(msgspec.Struct):
    value: str = msgspec.field(name="N")


class _RefundFields(msgspec.Struct):
    refund_id: _Text
    refunded_at: _Number
    amount_minor: _Number


class _Refund(msgspec.Struct):
    value: _RefundFields = msgspec.field(name="M")


class _Refunds(msgspec.Struct):
    value: list[_Refund] = msgspec.field(name="L")


class _Keys(msgspec.Struct):
    customer_id: _Text
    purchase_id: _Text


class _Item(_Keys):
    """A purchase; without an instant it is a cancelled one, or refunds that wait for theirs."""

    purchased_at: _Number | None = None
    category: _Text | None = None
    amount_minor: _Number | None = None
    refunds: _Refunds | None = None


class _Stored(msgspec.Struct):
    item: _Item = msgspec.field(name="Item")


class _Changed(msgspec.Struct):
    keys: _Keys = msgspec.field(name="Keys")
    new: _Item | None = msgspec.field(name="NewImage", default=None)


class ExportedPurchases:
    """Reads exports to S3 of the table `purchases`: no read unit of the table is consumed."""

    def __init__(
        self, objects: Objects, *, table: str, shards: int, retention: PurchaseRetention
    ) -> None:
        self._objects = objects
        self._table = table
        self._shards = shards
        self._retention = retention

    def histories(self, *, most_customers: int, on_progress: OnProgress) -> Histories:
        """The histories of a fair sample: the customers that `CollectHistories` would choose.

        Purchases that are no longer kept at the time of the export are left out. `on_progress` is
        told how many items are read, of how many.

        Raises:
            Rejected: there is no export of this table, or changes are missing.
            CorruptRecord: an item or a file is not what was exported; says which.
            StoreUnavailable: the location did not answer.
        """
        exports = find(self._objects, table=self._table)
        kept_after = self._retention.taken_after(exports.known_until)
        sample = FairSample(most_customers, lambda c: place_of(c, shard_of(c, self._shards)))
        decided: set[tuple[str, str]] = set()
        read = 0
        for item, later in self._newest_first(exports):
            read += 1
            if read % _PROGRESS_EVERY == 0:
                on_progress(read, exports.items)
            customer = item.customer_id.value
            if not sample.may_hold(customer):
                continue
            key = (customer, item.purchase_id.value)
            if key in decided:
                continue
            if later:
                decided.add(key)
            if isinstance(item, _Item) and item.purchased_at is not None:
                at = _instant(item.purchased_at)
                if at > kept_after:
                    _take(sample, item, at)
        on_progress(read, exports.items)
        return sample.histories()

    def _newest_first(self, exports: Exports) -> Iterator[tuple[_Keys, bool]]:
        """Every item, or only its keys where it is gone; and whether an older state may follow."""
        for summary in sorted(exports.changes, key=lambda each: each.ends, reverse=True):
            for change in self._lines(summary, _Changed):
                yield (change.keys if change.new is None else change.new), True
        for stored in self._lines(exports.full, _Stored):
            yield stored.item, False

    def _lines(self, summary: Summary, kind: Any) -> Iterator[Any]:
        decode = msgspec.json.Decoder(kind).decode
        for file in data_files(self._objects, summary):
            name, number = here(file.key), 0
            for number, line in enumerate(lines_of(content_of(self._objects, file), name), start=1):
                try:
                    yield decode(line)
                except msgspec.DecodeError as exc:
                    raise CorruptRecord(f"{name} line {number} is no purchase: {exc}") from exc
            if number != file.item_count:
                raise CorruptRecord(f"{name} has {number} items, its manifest {file.item_count}")


def _take(sample: FairSample, item: _Item, at: int) -> None:
    if item.category is None or item.amount_minor is None:
        lacks = "category" if item.category is None else "amount_minor"
        raise CorruptRecord(f"an exported purchase lacks the attribute {lacks}")
    refunds = () if item.refunds is None else item.refunds.value
    try:
        sample.take(
            item.customer_id.value,
            at,
            int(item.amount_minor.value),
            item.category.value,
            [
                Refund(
                    int(each.value.refunded_at.value),
                    each.value.refund_id.value,
                    int(each.value.amount_minor.value),
                )
                for each in refunds
            ],
        )
    except ValueError as exc:
        raise why_unreadable("an exported purchase", exc) from exc


def _instant(number: _Number) -> int:
    try:
        return int(number.value)
    except ValueError as exc:
        raise why_unreadable("an exported purchase", exc) from exc
