"""Every port that keeps, tells or brings something, in memory: shipped, thread-safe, for first steps."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import count
from threading import Lock

from domain.categories import IndexPage
from domain.customers import CustomerRecord, Erasure
from domain.purchases import Cancelling, Purchase, RawRow, Recording
from domain.queue import Message
from domain.recent import RecentBatch, RecentHistory, TableSize
from domain.retention import Retention
from domain.values import Clock, day_of
from model_registry.errors import UnknownObject
from model_registry.ports import Status

_PAGE = 100


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        """The instant last set: microseconds since the epoch, UTC."""
        return self.now


class MemoryPurchases:
    """The purchases: every port of the store in one."""

    shards = 4

    def __init__(self, *, clock: Clock, retention: Retention) -> None:
        self._clock = clock
        self._retention = retention
        self._lock = Lock()
        self._purchases: dict[str, dict[str, Purchase]] = {}
        self._cancelled: dict[str, dict[str, int]] = {}
        self._suppressed_until: dict[str, int] = {}

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        """One outcome per purchase, in order; see PurchaseRecorder."""
        with self._lock:
            return [self._record(purchase) for purchase in purchases]

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """Whether this call cancelled the purchase; see PurchaseCanceller."""
        with self._lock:
            if self._is_suppressed(customer_id):
                return Cancelling.ERASED
            cancelled = self._cancelled.setdefault(customer_id, {})
            if purchase_id in cancelled:
                return Cancelling.ALREADY_CANCELLED
            cancelled[purchase_id] = self._clock()
            self._purchases.get(customer_id, {}).pop(purchase_id, None)
            return Cancelling.CANCELLED

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """What was removed; see CustomerEraser."""
        recent = self._batch([customer_id]).histories[0].purchases
        with self._lock:
            self._suppressed_until[customer_id] = suppressed_until
            return Erasure(
                purchases=len(self._purchases.pop(customer_id, ())),
                cancelled=len(self._cancelled.pop(customer_id, ())),
                recent_purchases=len(recent),
                complete=True,
            )

    async def of(self, customer_id: str, /) -> CustomerRecord:
        """Everything as it is stored now; see CustomerRecords."""
        purchases = self._history(customer_id)
        return CustomerRecord(
            purchases=purchases,
            cancelled=dict(self._cancelled.get(customer_id, {})),
            recent=self._batch([customer_id]).histories[0].purchases,
            counted_in=sorted({purchase.category for purchase in purchases}),
            suppressed_until=self._suppressed_until.get(customer_id),
        )

    def _is_suppressed(self, customer_id: str) -> bool:
        return self._suppressed_until.get(customer_id, 0) > self._clock()

    def _record(self, purchase: Purchase) -> Recording:
        if self._is_suppressed(purchase.customer_id):
            return Recording.ERASED
        if purchase.purchase_id in self._cancelled.get(purchase.customer_id, {}):
            return Recording.CANCELLED
        history = self._purchases.setdefault(purchase.customer_id, {})
        stored = history.get(purchase.purchase_id)
        if stored is not None:
            return Recording.DUPLICATE if stored == purchase else Recording.CONFLICT
        history[purchase.purchase_id] = purchase
        self._suppressed_until.pop(purchase.customer_id, None)
        return Recording.RECORDED

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until]; see PurchaseHistory."""
        self._retention.purchases.check(after, now=self._clock())
        return [p for p in self._history(customer_id) if after < p.purchased_at <= until]

    @property
    def complete_since(self) -> int:
        """The oldest day kept; see RecentPurchases."""
        return self._retention.complete_since(self._clock())

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's history; see RecentPurchases."""
        return self._batch([customer_id]).histories[0]

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        """A history of every customer; see RecentPurchases."""
        return self._batch(customer_ids)

    async def scan(self, *, segment: int, segments: int) -> AsyncIterator[RecentBatch]:
        """Every customer of one segment who bought lately; see RecentPurchases."""
        active = [c for c in self._active() if _hash_class(c, segments) == segment]
        for start in range(0, len(active), _PAGE):
            yield self._batch(active[start : start + _PAGE])

    async def size(self) -> TableSize:
        """How many customers bought lately, and how large that is; see RecentPurchases."""
        active = self._active()
        return TableSize(items=len(active), bytes=sum(map(_size, self._batch(active).histories)))

    async def categories(self) -> Mapping[str, int]:
        """Every category ever bought in, with its number of customers; see CategoryIndex."""
        members = {(purchase.category, purchase.customer_id) for purchase in self._all()}
        return dict(sorted(Counter(category for category, _ in members).items()))

    async def customers(self, category: str, /) -> int | None:
        """The number of customers of one category, None if there are none; see CategoryIndex."""
        return (await self.categories()).get(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard; see CategoryIndex."""
        members = {p.customer_id for p in self._all() if p.category == category}
        following = sorted(
            customer
            for customer in members
            if _hash_class(customer, self.shards) == shard and (after is None or customer > after)
        )
        customers = following[:most]
        return IndexPage(customers=customers, more=len(customers) < len(following))

    async def rebuild(self, customer_id: str, /) -> bool:
        """False: recent purchases are computed at every read here; see RecentRebuilder."""
        del customer_id
        return False

    async def finish(self, *, began_at: int) -> Mapping[int, int]:
        """Nothing binds: recent purchases never expire here; see RecentRebuilder."""
        del began_at
        return {}

    async def check(self) -> None:
        """Returns at once: memory is always there; see StoreHealth."""

    def _active(self) -> list[str]:
        since = self.complete_since
        return sorted({p.customer_id for p in self._all() if day_of(p.purchased_at) >= since})

    def _batch(self, customer_ids: Sequence[str]) -> RecentBatch:
        since = self.complete_since
        histories = [
            RecentHistory(
                customer_id=customer_id,
                complete_since=since,
                purchases=[
                    p for p in self._history(customer_id) if day_of(p.purchased_at) >= since
                ],
                suppressed=self._is_suppressed(customer_id),
            )
            for customer_id in customer_ids
        ]
        return RecentBatch(histories=histories, unread=())

    def _history(self, customer_id: str) -> list[Purchase]:
        with self._lock:
            history = list(self._purchases.get(customer_id, {}).values())
        return sorted(history, key=lambda p: (p.purchased_at, p.purchase_id))

    def _all(self) -> list[Purchase]:
        with self._lock:
            return [p for history in self._purchases.values() for p in history.values()]


def _size(history: RecentHistory) -> int:
    """The bytes of a stored history: the texts, and eight for each number."""
    return sum(len((p.category + p.purchase_id).encode()) + 16 for p in history.purchases)


def _hash_class(customer_id: str, classes: int) -> int:
    return sum(customer_id.encode()) % classes


class MemoryPurchaseSource:
    """A PurchaseSource over rows in memory."""

    def __init__(self, rows: Sequence[Mapping[str, object]]) -> None:
        self._rows = rows

    @property
    def total(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def rows(self) -> Iterator[RawRow]:
        """Every row, numbered from 1; see PurchaseSource."""
        for number, raw in enumerate(self._rows, start=1):
            yield RawRow(number=number, raw=raw, progress=number)


class MemoryObjectStore:
    """An `ObjectStore` that lives and dies with its process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, key: str, /) -> bytes:
        """The bytes stored under `key`."""
        with self._lock:
            if key not in self._objects:
                raise UnknownObject(f"no object is stored under {key!r}")
            return self._objects[key]

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """Whether this call stored `content`."""
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = content
            return True

    def keys(self, prefix: str, /) -> Sequence[str]:
        """Every key that starts with `prefix`, ascending."""
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))


class MemoryStatusStore:
    """A `StatusStore` that lives and dies with its process; `clock` is the store's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._statuses: dict[str, Status] = {}
        self._lock = Lock()

    def put_status(self, key: str, content: bytes, /) -> None:
        """`content` is what is stored under `key` from now on."""
        with self._lock:
            self._statuses[key] = Status(key=key, content=content, written_at=self._clock())

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on."""
        with self._lock:
            self._statuses.pop(key, None)

    def statuses(self, prefix: str, /) -> Sequence[Status]:
        """Every status under the prefix, by ascending key."""
        with self._lock:
            return [s for key, s in sorted(self._statuses.items()) if key.startswith(prefix)]


class MemoryQueue:
    """A `MessageQueue` that lives and dies with its process; `seconds` is a clock for hiding."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._numbers = count(1)
        self._messages: dict[str, Message] = {}
        self._hidden_until: dict[str, float] = {}

    async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
        """At most ten messages, without waiting; see the port."""
        await asyncio.sleep(0 * wait_s)  # lets others run, as a real queue would
        now = self._seconds()
        found = [m for key, m in self._messages.items() if self._hidden_until.get(key, now) <= now]
        await self.hide(found[:10], seconds=visibility_s)
        return found[:10]

    async def delete(self, messages: Sequence[Message], /) -> None:
        """None of them comes again."""
        for message in messages:
            self._messages.pop(message.receipt, None)

    async def hide(self, messages: Sequence[Message], /, *, seconds: int) -> None:
        """Nobody receives them for so long."""
        until = self._seconds() + seconds
        self._hidden_until |= {message.receipt: until for message in messages}

    async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
        """The message is in the queue."""
        key = str(next(self._numbers))
        self._messages[key] = Message(
            receipt=key, message_id=key, body=body, reason=reason, group=group
        )
