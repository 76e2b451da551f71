"""The smallest honest implementations of the ports, with room to watch and to fail."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.categories import IndexPage
from domain.errors import StoreUnavailable
from domain.purchases import Purchase, RawRow, Recording


class FakeRecorder:
    """Keeps the first purchase under each id; the customers in `silent` get no answer."""

    def __init__(self, stored: Iterable[Purchase] = (), *, silent: Iterable[str] = ()) -> None:
        self.stored = {(p.customer_id, p.purchase_id): p for p in stored}
        self.silent = set(silent)
        self.calls: list[list[Purchase]] = []
        self.busy = self.busiest = 0

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        self.calls.append(list(purchases))
        (customer,) = {purchase.customer_id for purchase in purchases}
        assert len({purchase.purchase_id for purchase in purchases}) == len(purchases)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)  # lets the other customers' calls in, as a store does
        self.busy -= 1
        if customer in self.silent:
            raise StoreUnavailable(f"no answer about {customer}")
        return [self._record(purchase) for purchase in purchases]

    def _record(self, purchase: Purchase) -> Recording:
        key = (purchase.customer_id, purchase.purchase_id)
        if key not in self.stored:
            self.stored[key] = purchase
            return Recording.RECORDED
        return Recording.DUPLICATE if self.stored[key] == purchase else Recording.CONFLICT


class FakeHistory:
    """Answers from a list; the customers in `silent` get no answer."""

    def __init__(self, purchases: Iterable[Purchase] = (), *, silent: Iterable[str] = ()) -> None:
        self.purchases = list(purchases)
        self.silent = set(silent)
        self.asked: list[tuple[str, int, int]] = []

    async def between(self, customer_id: str, /, *, after: int, until: int) -> Sequence[Purchase]:
        self.asked.append((customer_id, after, until))
        if customer_id in self.silent:
            raise StoreUnavailable(f"no answer about {customer_id}")
        found = [
            purchase
            for purchase in self.purchases
            if purchase.customer_id == customer_id and after < purchase.purchased_at <= until
        ]
        return sorted(found, key=lambda purchase: (purchase.purchased_at, purchase.purchase_id))


class FakeCategoryIndex:
    """Category to shards to customers, as given; a page has at most `page_size` of them."""

    def __init__(
        self,
        members: Mapping[str, Sequence[Sequence[str]]],
        *,
        shards: int,
        page_size: int = 1_000,
    ) -> None:
        self.members = members
        self.shards = shards
        self.page_size = page_size
        self.read: list[tuple[str, int]] = []

    async def categories(self) -> Mapping[str, int]:
        return {name: sum(map(len, self.members[name])) for name in sorted(self.members)}

    async def customers(self, category: str, /) -> int | None:
        return (await self.categories()).get(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        self.read.append((category, shard))
        members = sorted(self.members[category][shard])
        following = [customer for customer in members if after is None or customer > after]
        customers = following[: min(self.page_size, most or self.page_size)]
        return IndexPage(
            customers=customers,
            more=len(customers) < len(following),
        )


class FakeSource:
    """Rows as given: None is a row that cannot be read."""

    def __init__(self, rows: Iterable[Mapping[str, object] | None]) -> None:
        self._rows = list(rows)

    @property
    def total(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[RawRow]:
        for number, raw in enumerate(self._rows, start=1):
            problem = "has no columns" if raw is None else None
            yield RawRow(number=number, raw=raw, problem=problem, progress=number)


class SaturatingScorer:
    """x / (1 + x) of the first feature: pure, and 0 for an empty history."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        if not np.isfinite(matrix).all():
            raise ValueError("a feature is not finite")
        result: NDArray[np.float64] = matrix[:, 0] / (1.0 + matrix[:, 0])
        return result
