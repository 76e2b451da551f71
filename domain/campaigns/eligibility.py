"""Eligibility: who of a category is no member, whatever the probability, and so is not scored."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from domain.campaigns.campaign import Rule
from domain.campaigns.reading import Span, SpanReader
from domain.categories import CategoryIndex, CategorySize, IndexPage
from domain.errors import StoreUnavailable
from domain.values import MICROS_PER_DAY

_AT_ONCE = 100_000
_NEAR_DAYS = 30


class IdSet:
    """Ids as sorted numbers: 8 bytes each, so that millions fit.

    Two ids share a number once in 10**19 pairs: then one more is in the set, never one fewer.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        waiting: list[int] = []
        pieces: list[NDArray[np.uint64]] = []
        for each in ids:
            waiting.append(number_of(each))
            if len(waiting) == _AT_ONCE:
                pieces.append(np.array(waiting, dtype=np.uint64))
                waiting.clear()
        pieces.append(np.array(waiting, dtype=np.uint64))
        self._numbers: NDArray[np.uint64] = np.unique(np.concatenate(pieces))

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, customer_id: str) -> bool:
        number = np.uint64(number_of(customer_id))
        at = int(np.searchsorted(self._numbers, number))
        return at < len(self._numbers) and bool(self._numbers[at] == number)


def number_of(customer_id: str) -> int:
    """A number of 64 bits that goes with the id, unlike that which chooses arms."""
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8, person=b"campaign").digest()
    return int.from_bytes(digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumHistory:
    """At least so many purchases in the days up to `as_of`, microseconds since the epoch, UTC."""

    purchases: int
    days: int
    as_of: int
    read: SpanReader

    async def of(self, customers: Sequence[str]) -> Sequence[str]:
        """Those of them who bought as often.

        Raises:
            StoreUnavailable: somebody could not be read.
        """
        after = self.as_of - self.days * MICROS_PER_DAY
        found = await self.read([Span(each, after, self.as_of) for each in customers], None)
        if len(found) < len(customers):
            raise StoreUnavailable("purchases for the minimum history could not be read in time")
        return [each for each in customers if found[each].purchases >= self.purchases]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtBefore:
    """A purchase in the category up to `as_of`, microseconds since the epoch, UTC.

    The index of a category has no time: it also names who first bought in it since, and so surely
    bought. `known_after` is the instant from which on purchases are kept.
    """

    category: str
    as_of: int
    known_after: int
    read: SpanReader

    async def of(self, customers: Sequence[str]) -> Sequence[str]:
        """Those of them who were customers of the category then.

        Raises:
            StoreUnavailable: somebody could not be read.
        """
        left, found = list(customers), set[str]()
        near = max(self.known_after, self.as_of - _NEAR_DAYS * MICROS_PER_DAY)
        for after in (near, self.known_after):  # most are told by the recent purchases
            bought = await self.read(
                [Span(each, after, self.as_of) for each in left], self.category
            )
            if len(bought) < len(left):
                raise StoreUnavailable("who bought before `as_of` could not be read in time")
            found |= {who for who, what in bought.items() if what.in_category}
            left = [each for each in left if each not in found]
        return [each for each in customers if each in found]


@dataclass(slots=True)
class EligibleIndex:
    """A CategoryIndex without those whom a rule takes out; `removed` counts them by rule.

    Each is counted once, under the first rule that takes them out.
    """

    index: CategoryIndex
    without: Mapping[Rule, IdSet]
    by_history: Mapping[Rule, MinimumHistory | BoughtBefore] = field(
        default_factory=dict[Rule, MinimumHistory | BoughtBefore]
    )
    removed: Counter[Rule] = field(default_factory=Counter[Rule])
    _resumes: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        return self.index.shards

    async def categories(self) -> Mapping[str, CategorySize]:
        """Every category with its size, before any rule; see the port."""
        return await self.index.categories()

    async def size_of(self, category: str, /) -> CategorySize | None:
        """The size of one category, before any rule; see the port."""
        return await self.index.size_of(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard who are eligible; see the port."""
        last_kept, read_until = self._resumes.get(shard, (None, None))
        if after is not None and after == last_kept:
            after = read_until  # those between were taken out, and counted
        removed: Counter[Rule] = Counter()
        while True:
            page = await self.index.page(category, shard=shard, after=after, most=most)
            kept = await self._eligible(page.customers, removed)
            if kept or not page.more:
                break
            after = page.customers[-1]
        if kept:
            self._resumes[shard] = (kept[-1], page.customers[-1])
        self.removed += removed
        return replace(page, customers=kept)

    async def _eligible(self, customers: Sequence[str], removed: Counter[Rule]) -> Sequence[str]:
        for rule, ids in self.without.items():
            left = [each for each in customers if each not in ids] if len(ids) else customers
            removed[rule] += len(customers) - len(left)
            customers = left
        for rule, history in self.by_history.items():
            left = await history.of(customers) if customers else customers
            removed[rule] += len(customers) - len(left)
            customers = left
        return customers
