"""Categories: who ever bought in one, as a port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Position:
    """How far a sequence of pages has come: within `shard`, `after` a customer (None: none yet)."""

    shard: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySize:
    """How large a category is, and what listing it costs.

    `customers` is approximate. Each page of a shard asks all its partitions of the index; all
    shards together have `partitions`. A page costs `page_units` read units beside its entries.
    """

    customers: int
    partitions: int
    page_units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """Customers in ascending order, each once; `more` says whether any may follow the last."""

    customers: Sequence[str]
    more: bool


class CategoryIndex(Protocol):
    """Who ever bought in a category.

    Promises: a customer of a category is in exactly one of its shards, the same one in every
    category; each page of a shard begins after the last customer of the page before; together they
    yield every customer once, in ascending order of UTF-8 bytes; a page is never empty while
    there is more. All this holds while a category is spread over more partitions. The index may
    run behind the truth by a moment.
    """

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        ...

    async def categories(self) -> Mapping[str, CategorySize]:
        """Every category ever bought in, ascending, with its size.

        Raises:
            StoreUnavailable: the list could not be read completely.
        """
        ...

    async def size_of(self, category: str, /) -> CategorySize | None:
        """The size of one category; None if nobody ever bought in it.

        Raises:
            StoreUnavailable: the store did not answer before the deadline.
        """
        ...

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard: those after `after`, at most about `most`.

        Raises:
            StoreUnavailable: the page could not be read before the deadline.
        """
        ...
