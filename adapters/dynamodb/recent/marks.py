"""Marks: how the recent purchases were written, and with which settings: one item for the table.

A shorter retention may have let a customer's recent item expire. A retention of purchases lets them
expire themselves, and then no totals are kept. Each writing process records both here first. Readers
trust no more than these records allow. The item also has the number of the layout. Where that is
another one, nothing is read or written.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from adapters.dynamodb.schema import (
    KEPT,
    PURCHASES_KEPT,
    Expression,
    RecentRow,
    item_of,
    kept_attribute,
    keyed,
    purchases_kept_attribute,
)
from adapters.dynamodb.wire import Deadline, DynamoClient
from domain.errors import CorruptRecord, StoreUnavailable, TablesDiffer
from domain.retention import PurchaseRetention, Retention
from domain.values import MICROS_PER_SECOND, Clock

MARKS = " "
"""The key of the item; no customer may have it."""
GOOD_FOR_US = 60 * MICROS_PER_SECOND
"""How long a mark that was set or read is not set or read again."""
RENEWED_AFTER_US = GOOD_FOR_US * 3 // 4
"""When the first who comes renews it."""
SKEW_US = 60 * MICROS_PER_SECOND
"""How far the clocks of two processes may be apart."""
LAYOUT = "3"
"""The number of the layout that this code reads and writes; raised with every change of it."""
_LAYOUT = "layout"
_OURS = Path(_LAYOUT).set({"S": LAYOUT})
_CUSTOMER = str(RecentRow.customer_id.attr_name)


@dataclass(frozen=True, slots=True)
class Marks:
    """What the marks tell a reader.

    `shorter` has the instant of the last write with each shorter retention, by the days it keeps;
    `totals` says whether those of every customer are true. `purchases_shorter` is as `shorter`, of the
    retention of purchases themselves. Microseconds since the epoch, UTC.
    """

    shorter: Mapping[int, int]
    totals: bool
    purchases_shorter: Mapping[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class _Renewal:
    """When something was renewed last, and how many are at it. Microseconds since the epoch, UTC."""

    at: int | None = None
    _busy: int = 0

    def is_good(self, now: int) -> bool:
        """Whether it may still be trusted."""
        return self.at is not None and 0 <= now - self.at < GOOD_FOR_US

    def is_fresh(self, now: int) -> bool:
        """Whether it may be trusted, and nobody need renew it, or somebody does already."""
        if self.at is None or not self.is_good(now):
            return False
        return bool(self._busy) or now - self.at < RENEWED_AFTER_US

    @contextmanager
    def renewing(self) -> Generator[None, None, None]:
        """Somebody is at it in this block."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1


class RetentionMarks:
    """The marks of one deployment's recent purchases, as one of its adapters sets and reads them.

    A mark is renewed ahead of time, by the first who finds it old. So nobody else has to, and nobody
    waits for it: else all who came at that moment would write one item.
    """

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._table: str = client.recent.Meta.table_name
        self._clock = clock
        self._retention = retention
        self._marked, self._seen = _Renewal(), _Renewal()
        self._known = Marks({}, totals=False)

    async def mark(self, deadline: Deadline) -> None:
        """Before a write: records with which retention it is.

        Raises:
            StoreUnavailable: it is not known to be marked; write nothing.
            TablesDiffer: the recent purchases have another layout.
        """
        if self._marked.is_fresh(self._clock()):
            return
        with self._marked.renewing(), self._unless_good(self._marked):
            now = self._clock()
            if not await self._updated(deadline, self._setting(now), self._is_ours()):
                raise TablesDiffer(
                    layout_differences(await self._item(deadline), self._table)
                    or [f"table {self._table}: its layout changed a moment ago; try again"]
                )
            self._marked.at = now

    async def mark_rebuilding(self, deadline: Deadline) -> None:
        """As `mark`, whatever the layout: a rebuild makes it ours.

        Raises:
            StoreUnavailable: it is not known to be marked; write nothing.
        """
        try:
            await self.mark(deadline)
        except TablesDiffer:
            await self._updated(deadline, self._marking(self._clock()))

    async def read(self, deadline: Deadline) -> Marks:
        """What may be trusted; a minute old at most, and so may be what is written since.

        Raises:
            StoreUnavailable: the marks could not be read.
            CorruptRecord: they are none.
            TablesDiffer: the recent purchases have another layout.
        """
        if self._seen.is_fresh(self._clock()):
            return self._known
        with self._seen.renewing(), self._unless_good(self._seen):
            now = self._clock()
            item = await self._item(deadline)
            if differences := layout_differences(item, self._table):
                raise TablesDiffer(differences)
            self._known = self._marks_of(item)
            self._seen.at = now
        return self._known

    async def rebuilt(self, *, since: int) -> Mapping[int, int]:
        """Once all is rebuilt: the layout is ours, and marks of others bind nobody.

        Unless they went on writing. Purchases that were written to expire may do so until their
        retention is over; until then its mark stays. Returns those that did, by the days they keep, with the instant of their mark; a rebuild began
        at `since`. Both are microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: some may be forgotten; asking again is safe.
        """
        deadline = self._client.write_deadline()
        before = since - GOOD_FOR_US - SKEW_US
        await self._updated(deadline, [_OURS])
        item = await self._item(deadline)
        outdated = {kept_attribute(days): before for days in self._marks_of(item).shorter}
        if self._retention.purchases.days is None:
            for days in _instants(item, PURCHASES_KEPT):
                expired = since - PurchaseRetention(days).longest_us
                outdated[purchases_kept_attribute(days)] = expired
        for name, instant in outdated.items():
            mark = Path(name)
            await self._updated(deadline, [mark.remove()], mark < {"N": str(instant)})
        self._seen.at = None
        return self._marks_of(await self._item(deadline)).shorter

    @contextmanager
    def _unless_good(self, renewal: "_Renewal") -> Generator[None, None, None]:
        """A renewal ahead of time may fail: the next one tries again, and till then all is known."""
        try:
            yield
        except StoreUnavailable:
            if not renewal.is_good(self._clock()):
                raise

    async def _item(self, deadline: Deadline) -> Mapping[str, Any]:
        key = {_CUSTOMER: {"S": MARKS}}
        request = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        answer = await self._client.call(deadline, "GetItem", request)
        item: Mapping[str, Any] = answer.get("Item", {})
        return item

    def _marks_of(self, item: Mapping[str, Any]) -> Marks:
        kept, purchases = _instants(item, KEPT), _instants(item, PURCHASES_KEPT)
        ours = self._retention.purchases.days
        return Marks(
            {days: last for days, last in kept.items() if days < self._retention.days},
            totals=ours is None and not purchases,
            purchases_shorter={
                days: last for days, last in purchases.items() if ours is None or days < ours
            },
        )

    async def _updated(
        self, deadline: Deadline, actions: Sequence[Action], condition: Condition | None = None
    ) -> bool:
        """Whether the item was updated; not, where the condition does not hold."""
        model = self._client.recent
        expression = Expression(condition=condition, actions=actions)
        request = keyed(model, item_of(model, customer_id=MARKS), **expression.filled())
        return await self._client.written(deadline, "UpdateItem", request)

    def _setting(self, now: int) -> list[Action]:
        return [*self._marking(now), _OURS]

    def _is_ours(self) -> Condition:
        """That the layout is ours, or becomes it now."""
        new: Condition = self._client.recent.customer_id.does_not_exist()
        ours: Condition = new | (Path(_LAYOUT) == {"S": LAYOUT})
        return ours

    def _marking(self, now: int) -> list[Action]:
        names = [kept_attribute(self._retention.days)]
        if self._retention.purchases.days is not None:
            names.append(purchases_kept_attribute(self._retention.purchases.days))
        return [Path(name).set({"N": str(now)}) for name in names]


def _instants(item: Mapping[str, Any], kind: str) -> Mapping[int, int]:
    """The instants of the marks of one kind, by their days."""
    try:
        return {
            int(name.removeprefix(kind)): int(value["N"])
            for name, value in item.items()
            if name.startswith(kind)
        }
    except (KeyError, ValueError) as exc:
        raise CorruptRecord("the item of retention marks holds something else") from exc


def layout_differences(item: Mapping[str, Any], table: str) -> list[str]:
    """In what the layout that the marks tell differs from this code's, and the way out.

    Without marks nothing was written yet.
    """
    layout = str(item.get(_LAYOUT, {"S": "1"})["S"]) if item else LAYOUT
    if layout == LAYOUT:
        return []
    way_out = "stop every process of the older version, then: propensity rebuild"
    if layout.isdecimal() and int(layout) > int(LAYOUT):
        way_out = "it is of a newer version: run that one"
    return [f"table {table}: its layout is {layout}, must be {LAYOUT} ({way_out})"]
