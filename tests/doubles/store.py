"""The reference store: every port of purchases, kept in memory, and told to fail where a test wants it.

It passes the contract suites. What it is asked is in `calls`; every call counts a round trip and
units, as calls to DynamoDB do.
"""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from domain.categories import CategorySize, IndexPage
from domain.cost import Units, count_round_trip, count_units
from domain.customers import CustomerRecord, Erasure
from domain.errors import StoreUnavailable
from domain.purchases import (
    MAX_REFUNDS,
    Cancelling,
    Lifetime,
    Purchase,
    PurchaseColumns,
    Recording,
    Refund,
    Refunding,
    refunded_minor,
)
from domain.recent import BATCH_CUSTOMERS, RecentBatch, RecentHistory, TableSize, as_listed
from domain.retention import Retention
from domain.values import Clock, Reach, Window, day_of
from tests.builders import NOW
from tests.doubles.columns import batch_of

RETENTION = Retention.covering(Window.days(30))
T = TypeVar("T")
READ = Units(measured=0.5)
WRITTEN = Units(computed=4.0)
"""What each read and each write costs here."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port: the method, the customers it is about, and what else it was given."""

    method: str
    customers: tuple[str, ...] = ()
    given: tuple[object, ...] = ()


Trouble = Callable[[Call], None]
"""Raises what a call is to fail with, or returns."""


def no_trouble(_call: Call) -> None:
    """Nothing goes wrong."""


def silent_about(*customers: str) -> Trouble:
    """The store does not answer where it is asked about one of these customers."""

    def trouble(call: Call) -> None:
        for customer in call.customers:
            if customer in customers:
                raise StoreUnavailable(f"no answer about {customer}")

    return trouble


def failing_with(error: Exception, *methods: str) -> Trouble:
    """These methods fail with this error; without any, all do."""

    def trouble(call: Call) -> None:
        if not methods or call.method in methods:
            raise error

    return trouble


class ReferenceStore:
    """The purchases: every port of the store in one.

    `refuse` is called before a call has any effect: throttled, or timed out on the way there.
    `lose` is called after it: the answer is lost. `unread` are left out by every batch read,
    and of the days in `overflowing` nobody's recent purchases are complete.
    """

    def __init__(
        self,
        purchases: Iterable[Purchase] = (),
        *,
        clock: Clock = lambda: NOW,
        retention: Retention = RETENTION,
        shards: int = 4,
        page_size: int = 1_000,
    ) -> None:
        self.clock = clock
        self.retention = retention
        self.shards = shards
        self.page_size = page_size
        self.refuse: Trouble = no_trouble
        self.lose: Trouble = no_trouble
        self.unread: frozenset[str] = frozenset()
        self.overflowing: frozenset[int] = frozenset()
        self.table_size: TableSize | None = None
        self.calls: list[Call] = []
        self.busy: Counter[str] = Counter()
        self.busiest_of: Counter[str] = Counter()
        self.purchases: dict[tuple[str, str], Purchase] = {}
        self.cancelled: dict[tuple[str, str], int] = {}
        self.waiting: dict[tuple[str, str], tuple[Refund, ...]] = {}
        self.suppressed_until: dict[str, int] = {}
        for purchase in purchases:
            self.purchases[purchase.customer_id, purchase.purchase_id] = purchase

    @property
    def recorded(self) -> list[list[Purchase]]:
        """The purchases of every call to record, as they were given."""
        return [[p for p in c.given if isinstance(p, Purchase)] for c in self.calls_of("record")]

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method so far."""
        return [call for call in self.calls if call.method == method]

    @asynccontextmanager
    async def _calling(
        self, call: Call, *, reads: float = 0, writes: float = 0
    ) -> AsyncGenerator[None, None]:
        self.calls.append(call)
        count_round_trip()
        self.busy[call.method] += 1
        self.busiest_of |= self.busy
        try:
            await asyncio.sleep(0)  # lets others run, as a call over the network does
            self.refuse(call)
            yield
            count_units(
                reads=Units(measured=READ.measured * reads),
                writes=Units(computed=WRITTEN.computed * writes),
            )
            self.lose(call)
        finally:
            self.busy[call.method] -= 1

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        """One outcome per purchase, in order; see PurchaseRecorder."""
        if not purchases:
            return []
        customers = {purchase.customer_id for purchase in purchases}
        assert len(customers) == 1
        assert len({purchase.purchase_id for purchase in purchases}) == len(purchases)
        call = Call("record", tuple(customers), tuple(purchases))
        async with self._calling(call, writes=len(purchases)):
            return [self._record(purchase) for purchase in purchases]

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """Whether this call cancelled the purchase; see PurchaseCanceller."""
        async with self._calling(Call("cancel", (customer_id,), (purchase_id,)), reads=1, writes=1):
            if self._is_suppressed(customer_id):
                return Cancelling.ERASED
            if (customer_id, purchase_id) in self.cancelled:
                return Cancelling.ALREADY_CANCELLED
            self.cancelled[customer_id, purchase_id] = self.clock()
            self.purchases.pop((customer_id, purchase_id), None)
            self.waiting.pop((customer_id, purchase_id), None)
            return Cancelling.CANCELLED

    async def refund(
        self, customer_id: str, purchase_id: str, refund: Refund, /, *, dated: bool
    ) -> Refunding:
        """What became of it; see PurchaseRefunder."""
        call = Call("refund", (customer_id,), (purchase_id, refund))
        async with self._calling(call, reads=1, writes=1):
            return self._refund((customer_id, purchase_id), refund, dated=dated)

    async def erase(self, customer_id: str, /, *, suppressed_until: int) -> Erasure:
        """What was removed; see CustomerEraser."""
        async with self._calling(
            Call("erase", (customer_id,), (suppressed_until,)), reads=1, writes=1
        ):
            recent = self.recent(customer_id).purchases
            self.suppressed_until[customer_id] = suppressed_until
            return Erasure(
                purchases=_drop(self.purchases, customer_id),
                cancelled=_drop(self.cancelled, customer_id),
                recent_purchases=len(recent),
                refunds_waiting=_drop(self.waiting, customer_id),
                complete=True,
            )

    async def suppressed(self) -> AsyncIterator[Mapping[str, int]]:
        """The markers, one page; see CustomerEraser."""
        async with self._calling(Call("suppressed", ()), reads=1):
            marked = dict(self.suppressed_until)
        yield marked

    async def of(self, customer_id: str, /) -> CustomerRecord:
        """Everything as it is stored now; see CustomerRecords."""
        async with self._calling(Call("of", (customer_id,)), reads=1):
            purchases = self._history(customer_id)
            return CustomerRecord(
                purchases=purchases,
                cancelled={
                    purchase: at
                    for (customer, purchase), at in self.cancelled.items()
                    if customer == customer_id
                },
                waiting={
                    purchase: refunds
                    for (customer, purchase), refunds in self.waiting.items()
                    if customer == customer_id
                },
                recent=self.recent(customer_id).purchases,
                lifetime=self.recent(customer_id).lifetime,
                counted_in=sorted({purchase.category for purchase in purchases}),
                suppressed_until=self.suppressed_until.get(customer_id),
            )

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        """The purchases in (after, until]; see PurchaseHistory."""
        self.retention.purchases.check(after, now=self.clock())
        async with self._calling(Call("between", (customer_id,), (after, until)), reads=1):
            return [p for p in self._history(customer_id) if after < p.purchased_at <= until]

    @property
    def complete_since(self) -> int:
        """The oldest day kept; see RecentPurchases."""
        return self.retention.complete_since(self.clock())

    async def one(self, customer_id: str, /) -> RecentHistory:
        """One customer's history; see RecentPurchases."""
        async with self._calling(Call("one", (customer_id,)), reads=1):
            return self.recent(customer_id)

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
        """A history of every customer but the unread; see RecentPurchases."""
        assert len(set(customer_ids)) == len(customer_ids) <= BATCH_CUSTOMERS
        if not customer_ids:
            return RecentBatch(histories=(), unread=())
        read = [customer for customer in customer_ids if customer not in self.unread]
        async with self._calling(Call("read", tuple(customer_ids)), reads=len(read)):
            return batch_of(
                [self.recent(customer) for customer in read],
                columns_for=columns_for,
                unread=[customer for customer in customer_ids if customer in self.unread],
            )

    async def scan(
        self,
        *,
        segment: int,
        segments: int,
        bought_in: str | None = None,
        columns_for: Reach | None = None,
    ) -> AsyncIterator[RecentBatch]:
        """Every stored customer of one segment, if of the category; see RecentPurchases."""
        filtered = self._keeps_totals and bought_in is not None
        mine = [
            c
            for c in self._stored()
            if _hash_class(c, segments) == segment
            and not (filtered and bought_in not in {p.category for p in self._history(c)})
        ]
        for start in range(0, len(mine) or 1, self.page_size):
            page = tuple(mine[start : start + self.page_size])
            async with self._calling(Call("scan", page, (segment, segments)), reads=1):
                histories = [self.recent(customer) for customer in page]
            yield batch_of(histories, columns_for=columns_for, left_out=filtered)

    async def size(self) -> TableSize:
        """How many customers are stored, and how large that is; see RecentPurchases."""
        async with self._calling(Call("size")):
            stored = self._stored()
            counted = TableSize(items=len(stored), bytes=sum(map(self._size, stored)))
            return self.table_size or counted

    async def categories(self) -> Mapping[str, CategorySize]:
        """Every category ever bought in, with its size; see CategoryIndex."""
        async with self._calling(Call("categories"), reads=1):
            return self._categories()

    async def size_of(self, category: str, /) -> CategorySize | None:
        """The size of one category, None if nobody ever bought in it; see CategoryIndex."""
        async with self._calling(Call("size_of", (), (category,)), reads=1):
            return self._categories().get(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard; see CategoryIndex."""
        async with self._calling(Call("page", (), (category, shard)), reads=1):
            members = sorted(
                {p.customer_id for p in self.purchases.values() if p.category == category},
                key=str.encode,
            )
            mine = [c for c in members if _hash_class(c, self.shards) == shard]
            start = 0 if after is None else bisect_right(mine, after.encode(), key=str.encode)
            end = start + min(self.page_size, most or self.page_size)
            return IndexPage(customers=mine[start:end], more=end < len(mine))

    async def rebuild(self, customer_id: str, /) -> bool:
        """False: recent purchases are computed at every read here; see RecentRebuilder."""
        async with self._calling(Call("rebuild", (customer_id,)), reads=1):
            return False

    async def stored(self) -> AsyncIterator[Sequence[str]]:
        """Everybody who bought; see RecentRebuilder."""
        async with self._calling(Call("stored"), reads=1):
            customers = self._stored()
        yield customers

    async def finish(self, *, began_at: int) -> Mapping[int, int]:
        """Nothing binds: recent purchases never expire here; see RecentRebuilder."""
        async with self._calling(Call("finish", (), (began_at,)), writes=1):
            return {}

    async def check(self) -> None:
        """Returns once it may; see StoreHealth."""
        async with self._calling(Call("check"), reads=1):
            return

    def _record(self, purchase: Purchase) -> Recording:
        if self._is_suppressed(purchase.customer_id):
            return Recording.ERASED
        key = (purchase.customer_id, purchase.purchase_id)
        if key in self.cancelled:
            return Recording.CANCELLED
        stored = self.purchases.get(key)
        if stored is not None:
            same = stored.fingerprint == purchase.fingerprint
            return Recording.DUPLICATE if same else Recording.CONFLICT
        refunds = self.waiting.get(key, ())
        if refunded_minor(refunds) > purchase.amount_minor:
            return Recording.CONFLICT
        self.waiting.pop(key, None)
        self.purchases[key] = replace(purchase, refunds=refunds)
        self.suppressed_until.pop(purchase.customer_id, None)
        return Recording.RECORDED

    def _refund(  # noqa: PLR0911  # one for each outcome
        self, key: tuple[str, str], refund: Refund, *, dated: bool
    ) -> Refunding:
        if self._is_suppressed(key[0]):
            return Refunding.ERASED
        if key in self.cancelled:
            return Refunding.CANCELLED
        stored = self.purchases.get(key)
        refunds = self.waiting.get(key, ()) if stored is None else stored.refunds
        for known in refunds:
            if known.refund_id == refund.refund_id:
                sent = refund if dated else replace(refund, refunded_at=known.refunded_at)
                return Refunding.DUPLICATE if sent == known else Refunding.CONFLICT
        added = tuple(sorted((*refunds, refund)))
        if len(added) > MAX_REFUNDS:
            return Refunding.EXCESS
        if stored is None:
            self.waiting[key] = added
            return Refunding.WAITING
        if refunded_minor(added) > stored.amount_minor:
            return Refunding.EXCESS
        self.purchases[key] = replace(stored, refunds=added)
        return Refunding.RECORDED

    def _is_suppressed(self, customer_id: str) -> bool:
        return self.suppressed_until.get(customer_id, 0) > self.clock()

    def _categories(self) -> dict[str, CategorySize]:
        members = {(p.category, p.customer_id) for p in self.purchases.values()}
        counts = sorted(Counter(category for category, _ in members).items())
        return {
            category: CategorySize(customers=customers, partitions=self.shards, page_units=0.0)
            for category, customers in counts
        }

    @property
    def _keeps_totals(self) -> bool:
        return self.retention.purchases.days is None

    def _stored(self) -> list[str]:
        """Everybody, or who bought lately where purchases are not kept for ever."""
        since = 0 if self._keeps_totals else self.complete_since
        stored = {p.customer_id for p in self.purchases.values() if day_of(p.purchased_at) >= since}
        return sorted(stored)

    def recent(self, customer_id: str) -> RecentHistory:
        """What `one` answers, without a call."""
        since, lost = self.complete_since, self.overflowing
        everything = self._history(customer_id)
        kept = [p for p in everything if day_of(p.purchased_at) >= since]
        return RecentHistory(
            customer_id=customer_id,
            complete_since=since,
            purchases=PurchaseColumns.of(
                [as_listed(p) for p in kept if day_of(p.purchased_at) not in lost]
            ),
            lifetime=Lifetime.of(everything) if self._keeps_totals else None,
            overflow_days=frozenset(day_of(p.purchased_at) for p in kept) & lost,
            suppressed=self._is_suppressed(customer_id),
        )

    def _history(self, customer_id: str) -> list[Purchase]:
        mine = [p for p in self.purchases.values() if p.customer_id == customer_id]
        return sorted(mine, key=lambda p: (p.purchased_at, p.purchase_id))

    def _size(self, customer_id: str) -> int:
        """The bytes of a stored history: the texts, and eight for each number."""
        purchases = self.recent(customer_id).purchases
        return sum(len((p.category + p.purchase_id).encode()) + 16 for p in purchases)


def silent_store(*customers: str) -> ReferenceStore:
    """An empty store that does not answer about these customers."""
    store = ReferenceStore()
    store.refuse = silent_about(*customers)
    return store


def _drop(stored: dict[tuple[str, str], T], who: str) -> int:
    mine = [key for key in stored if key[0] == who]
    for key in mine:
        del stored[key]
    return len(mine)


def _hash_class(customer_id: str, classes: int) -> int:
    return sum(customer_id.encode()) % classes
