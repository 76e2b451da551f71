"""Rebuild one customer's recent item from the purchases, while both may change."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from adapters.dynamodb.recent.marks import MARKS, RetentionMarks
from adapters.dynamodb.recent.stored import read_recent
from adapters.dynamodb.recent.suppression import SUPPRESSED, is_suppressed
from adapters.dynamodb.recent.totals import total_changes
from adapters.dynamodb.recent.update import overflows
from adapters.dynamodb.recent.writing import is_day, unchanged, write_actions
from adapters.dynamodb.schema import (
    OVERFLOW,
    Expression,
    day_attribute,
    encode_elements,
    item_of,
    kept_attribute,
    keyed,
)
from adapters.dynamodb.wire import VENDOR, DynamoClient, error_code, pause_or_raise
from domain.purchases import Lifetime, Purchase, PurchaseHistory
from domain.retention import Retention
from domain.values import BEGINNING, MICROS_PER_DAY, Clock, day_of

_KEYS = ("customer_id", "expires_at")
_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoRecentRebuilder:
    """RecentRebuilder: the item is read before the truth, and written only where it is still so.

    Recording or cancelling in between counts as a write of the item, in the same transaction, even
    where the sets stay as they were. An erasure marks it. Then this write is refused, and all is
    read again.
    """

    def __init__(
        self, client: DynamoClient, *, clock: Clock, retention: Retention, history: PurchaseHistory
    ) -> None:
        self._client = client
        self._clock = clock
        self._retention = retention
        self._history = history
        self._marks = RetentionMarks(client, clock=clock, retention=retention)

    async def rebuild(self, customer_id: str, /) -> bool:
        """Whether the item was not what the truth says; see the port."""
        deadline = self._client.write_deadline()
        await self._marks.mark_rebuilding(deadline)
        pauses = deadline.pauses()
        while True:
            stored = await read_recent(self._client, customer_id, deadline)
            now = self._clock()
            if is_suppressed(stored, now):
                return False
            oldest = self._retention.oldest_day(now)
            for_ever = self._retention.purchases.days is None
            purchases = await self._history.between(
                customer_id,
                after=BEGINNING if for_ever else oldest * MICROS_PER_DAY - 1,
                until=now + MICROS_PER_DAY,  # writers' clocks may be ahead
            )
            due = Lifetime.of(purchases) if for_ever else None
            named = {p.category for p in purchases if day_of(p.purchased_at) >= oldest}
            changes = [
                *self._changes(stored, purchases, oldest),
                *total_changes(stored, due, named),
            ]
            held = purchases or stored.keys() - {SUPPRESSED, *_KEYS}
            if not held or not (changes or self._incomplete(stored)):
                return False
            request = self._update(customer_id, stored, changes, day_of(now))
            try:
                await self._client.call_once(deadline, "UpdateItem", request)
            except VENDOR as exc:
                if error_code(exc) != _CONDITION_FAILED:
                    await pause_or_raise(pauses, exc)
            else:
                return True

    async def stored(self) -> AsyncIterator[Sequence[str]]:
        """The keys of the table, by a Scan; see the port."""
        request: dict[str, Any] = {
            "TableName": self._client.recent.Meta.table_name,
            "ProjectionExpression": "customer_id",
            "ConsistentRead": True,
        }
        more = True
        while more:
            page = await self._client.call(self._client.read_deadline(), "Scan", request)
            ids = [item["customer_id"]["S"] for item in page["Items"]]
            yield [customer for customer in ids if customer != MARKS]
            more = "LastEvaluatedKey" in page
            request["ExclusiveStartKey"] = page.get("LastEvaluatedKey")

    async def finish(self, *, began_at: int) -> Mapping[int, int]:
        """Shorter retentions bind nobody any more, unless somebody went on writing with them; see the port."""
        return await self._marks.rebuilt(since=began_at)

    def _incomplete(self, stored: Mapping[str, Any]) -> bool:
        """Whether the item was not written with this retention, or with a shorter one too."""
        kept = kept_attribute(self._retention.days)
        return kept not in stored or bool(self._shorter(stored))

    def _shorter(self, stored: Mapping[str, Any]) -> list[str]:
        """The marks of shorter retentions, which a rebuilt item is no longer bound by."""
        days = self._retention.days
        return [name for name in stored if _is_kept(name) and int(name[1:]) < days]

    def _changes(
        self, stored: Mapping[str, Any], purchases: Sequence[Purchase], oldest: int
    ) -> list[Action]:
        """What makes each day's attribute hold what it should, where it does not."""
        elements: dict[str, set[str]] = defaultdict(set)
        for purchase in purchases:
            elements[day_attribute(day_of(purchase.purchased_at))].update(encode_elements(purchase))
        changes: list[Action] = []
        for name in {*elements, *filter(is_day, stored)}:
            wanted = elements[name] if int(name[1:]) >= oldest else set[str]()
            has = set(stored.get(name, {}).get("BS", ()))
            if overflows(wanted, self._retention):
                wanted = {OVERFLOW} | (has & wanted if OVERFLOW in has else set[str]())
            if wanted != has or "BS" not in stored.get(name, {"BS"}):
                path = Path(name)
                changes.append(path.set({"BS": sorted(wanted)}) if wanted else path.remove())
        return changes

    def _update(
        self, customer_id: str, stored: Mapping[str, Any], changes: Sequence[Action], today: int
    ) -> dict[str, Any]:
        model = self._client.recent
        expression = Expression(
            condition=unchanged(model.writes, stored) & unchanged(model.suppressed_until, stored),
            actions=[
                *write_actions(model, today, self._retention),
                *changes,
                *(Path(name).remove() for name in self._shorter(stored)),
            ],
        )
        return keyed(model, item_of(model, customer_id=customer_id), **expression.filled())


def _is_kept(name: str) -> bool:
    return name[:1] == "k" and name[1:].isdecimal()
