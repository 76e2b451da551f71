"""Records, per retention setting, when a process last wrote with it: one item for the table.

A shorter retention may have let a customer's recent item expire. Each writing process records its
retention here first. Readers trust no more days than these records allow.
"""

from collections.abc import Mapping

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.operand import Path

from adapters.dynamodb.schema import KEPT, RecentRow, kept_attribute
from adapters.dynamodb.wire import Deadline, DynamoClient, error_code, translated
from domain.errors import CorruptRecord
from domain.retention import Retention
from domain.values import MICROS_PER_SECOND, Clock

MARKS = " "
"""The key of the item; no customer may have it."""
GOOD_FOR_US = 60 * MICROS_PER_SECOND
"""How long a mark that was set or read is not set or read again."""
SKEW_US = 60 * MICROS_PER_SECOND
"""How far the clocks of two processes may be apart."""
_CUSTOMER = str(RecentRow.customer_id.attr_name)
_CONDITION_FAILED = "ConditionalCheckFailedException"


class RetentionMarks:
    """The marks of one deployment's recent purchases, as one of its adapters sets and reads them."""

    def __init__(self, client: DynamoClient, *, clock: Clock, retention: Retention) -> None:
        self._client = client
        self._table: str = client.recent.Meta.table_name
        self._clock = clock
        self._retention = retention
        self._marked_at: int | None = None
        self._read_at: int | None = None
        self._shorter: Mapping[int, int] = {}

    async def mark(self, deadline: Deadline) -> None:
        """Before a write: records with which retention it is.

        Raises:
            StoreUnavailable: it is not known to be marked; write nothing.
        """
        now = self._clock()
        if self._marked_at is None or not 0 <= now - self._marked_at < GOOD_FOR_US:
            await self._client.retried(deadline, self._set, now)
            self._marked_at = now

    async def shorter(self, deadline: Deadline) -> Mapping[int, int]:
        """When somebody last wrote with a shorter retention, by the days it keeps.

        Microseconds since the epoch, UTC, and a minute old at most; so may be what is written since.

        Raises:
            StoreUnavailable: the marks could not be read.
            CorruptRecord: they are none.
        """
        now = self._clock()
        if self._read_at is None or not 0 <= now - self._read_at < GOOD_FOR_US:
            self._shorter = await self._read(deadline)
            self._read_at = now
        return self._shorter

    async def forget_shorter(self, *, rebuilt_since: int) -> Mapping[int, int]:
        """Once all is rebuilt: marks of shorter retentions bind nobody, unless they went on writing.

        Returns those that did, by the days they keep, with the instant of their mark; a rebuild began
        at `rebuilt_since`. Both are microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: some may be forgotten; asking again is safe.
        """
        deadline = self._client.write_deadline()
        before = rebuilt_since - GOOD_FOR_US - SKEW_US
        with translated():
            for days in await self._read(deadline):
                try:
                    await self._client.once(deadline, self._remove, days, before)
                except UpdateError as exc:
                    if error_code(exc) != _CONDITION_FAILED:
                        raise
        return await self._read(deadline)

    async def _read(self, deadline: Deadline) -> Mapping[int, int]:
        """The instants of the marks of shorter retentions, by the days they keep."""
        key = {_CUSTOMER: {"S": MARKS}}
        request = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        answer = await self._client.read(deadline, "GetItem", request)
        try:
            marks = {
                int(name.removeprefix(KEPT)): int(value["N"])
                for name, value in answer.get("Item", {}).items()
                if name.startswith(KEPT)
            }
        except (KeyError, ValueError) as exc:
            raise CorruptRecord("the item of retention marks holds something else") from exc
        return {days: last for days, last in marks.items() if days < self._retention.days}

    def _set(self, now: int) -> None:
        mark = Path(kept_attribute(self._retention.days)).set({"N": str(now)})
        self._client.recent(MARKS).update(actions=[mark])

    def _remove(self, days: int, before: int) -> None:
        mark = Path(kept_attribute(days))
        self._client.recent(MARKS).update(
            actions=[mark.remove()], condition=mark < {"N": str(before)}
        )
