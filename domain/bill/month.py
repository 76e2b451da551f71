"""A month of a shop: what its purchases, predictions and audiences consume, and what they leave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from math import ceil, exp, floor, lgamma, log, sqrt

from domain.audience.cost_plan import LISTING_UNITS, PAGE_BYTES, ReadWay, plan
from domain.bill.prices import HOUR_S, MONTH_S
from domain.bill.sizes import Sizes, purchases_held_a_day
from domain.categories import CategorySize
from domain.cost import BYTES_PER_UNIT, BYTES_PER_WRITE_UNIT, TRANSACTION_WRITES
from domain.recent import TableSize
from domain.retention import Retention
from domain.values import Window

SHARDS = 16
LIST_TRUST_S = 60.0
"""How long a writing process takes a category to be listed still; then it reads it again."""
OVERHEAD_BYTES = 100
"""What is stored beside each item and each entry of an index. Source: AWS, item sizes."""
_DAY_S = 24 * HOUR_S
_DEVIATIONS = 10
"""Beyond so many standard deviations nothing of a Poisson distribution counts here."""
_LARGE_MEAN = 10_000
"""A count with a larger mean differs from it by a percent: the mean stands for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """So many times something is done, and the units that all of them consume."""

    what: str
    times: float
    reads: float = 0.0
    writes: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in a table or an index, as it is billed."""

    what: str
    bytes: float
    backed_up: bool
    """Whether recovery and an export of `purchases` hold it; they hold no global index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What a shop does in a month, alike for all customers, categories and hours.

    `purchases_an_order` come in one call. Purchases are kept for `months_kept`. `categories_each`
    are those of one customer. So many processes are `writers`.

    Raises:
        ValueError: a number is too small.
    """

    customers: int
    purchases: int
    predictions: int = 0
    audiences: int = 0
    categories: int = 20
    categories_each: int = 5
    purchases_an_order: int = 1
    months_kept: int = 12
    recent_days: int = 90
    writers: int = 2
    sizes: Sizes = field(default_factory=Sizes)

    def __post_init__(self) -> None:
        for each in fields(self):
            least = 0 if each.name in {"purchases", "predictions", "audiences"} else 1
            value = getattr(self, each.name)
            if isinstance(value, int) and value < least:
                raise ValueError(f"{each.name} must be {least} or more, not {value}")

    @property
    def lines(self) -> Sequence[Line]:
        """What consumes units."""
        orders = self.purchases / self.purchases_an_order
        of_item = ceil(self.sizes.purchase / BYTES_PER_WRITE_UNIT)
        return [
            Line(
                "purchase items",
                self.purchases,
                writes=TRANSACTION_WRITES * of_item * self.purchases,
            ),
            Line("entries of by_time", self.purchases, writes=self.purchases),
            Line("entries of by_category", self.purchases, writes=self.purchases),
            Line("recent items", orders, writes=orders * self.recent_write_units),
            Line("lists of categories", self.listings, reads=self.listings * self.page_units),
            Line("predictions", self.predictions, reads=self.predictions * self.prediction_units),
            Line("audiences", self.audiences, reads=self.audiences * self.audience_units),
        ]

    @property
    def stored(self) -> Sequence[Stored]:
        """What lies in tables and indexes once purchases have come for `months_kept`."""
        of, beside = self.sizes, OVERHEAD_BYTES
        recent = self.customers * (self.recent_bytes + beside)
        return [
            Stored("purchases", self.kept * (of.purchase + beside), backed_up=True),
            Stored("by_time", self.kept * (of.by_time + beside), backed_up=True),
            Stored("by_category", self.kept * (of.by_category + beside), backed_up=False),
            Stored("recent_purchases", recent, backed_up=False),  # it can be rebuilt
        ]

    @property
    def reads(self) -> float:
        """Read units of the month."""
        return sum(line.reads for line in self.lines)

    @property
    def writes(self) -> float:
        """Write units of the month."""
        return sum(line.writes for line in self.lines)

    @property
    def stored_bytes(self) -> float:
        """All that is stored."""
        return sum(each.bytes for each in self.stored)

    @property
    def backed_up_bytes(self) -> float:
        """What recovery and an export hold of it."""
        return sum(each.bytes for each in self.stored if each.backed_up)

    @property
    def kept(self) -> int:
        """Purchases that are stored."""
        return self.purchases * self.months_kept

    @property
    def recent_bytes(self) -> float:
        """The mean recent item."""
        return self._recent_mean(lambda size: size)

    @property
    def recent_write_units(self) -> float:
        """What an order writes of its customer's recent item, in a transaction."""
        units = self._recent_mean(lambda size: ceil(size / BYTES_PER_WRITE_UNIT), beside=1)
        return TRANSACTION_WRITES * units

    @property
    def prediction_units(self) -> float:
        """What one customer's recent item takes to read, alone or in a batch."""
        return self._recent_mean(lambda size: ceil(size / BYTES_PER_UNIT))

    @property
    def audience_customers(self) -> int:
        """The customers of one category."""
        return ceil(self.customers * min(1.0, self.categories_each / self.categories))

    @property
    def audience_way(self) -> ReadWay:
        """How an audience reads them; see `domain.audience`."""
        recent = TableSize(items=self.customers, bytes=round(self.customers * self.recent_bytes))
        category = CategorySize(
            customers=self.audience_customers, partitions=SHARDS, page_units=self.page_units
        )
        return plan(category=category, shards=SHARDS, recent=recent).way

    @property
    def page_units(self) -> float:
        """What a page of an audience reads beside its entries, and a writer: the category's item."""
        return ceil(self.sizes.listed(self.audience_customers) / BYTES_PER_UNIT)

    @property
    def audience_units(self) -> float:
        """What one audience reads: the category's index entries, and the customers."""
        entries = self.kept / self.categories * self.sizes.by_category
        listing = LISTING_UNITS * max(SHARDS, entries / BYTES_PER_UNIT)
        listing += max(SHARDS, entries / PAGE_BYTES) * self.page_units
        if self.audience_way is ReadWay.SCAN:
            return listing + self.customers * self.recent_bytes / BYTES_PER_UNIT
        return listing + self.audience_customers * self.prediction_units

    @property
    def listings(self) -> float:
        """How often writers read a category that they have not read for a minute.

        They write it only for a new customer whose hash is among its smallest: hardly ever.
        """
        pairs = self.writers * self.categories
        if not self.purchases:
            return 0.0
        return pairs * MONTH_S / (LIST_TRUST_S + MONTH_S * pairs / self.purchases)

    def _recent_mean(self, of: Callable[[float], float], *, beside: int = 0) -> float:
        """The mean of something of recent items; with so many orders beside those of the days kept."""
        days = Retention.covering(Window.days(self.recent_days)).days
        orders = self.purchases / self.purchases_an_order / self.customers
        most = purchases_held_a_day(days) * (days + 1)
        return mean_over_poisson(
            orders * days * _DAY_S / MONTH_S,
            lambda others: of(
                self.sizes.recent(
                    purchases=min((others + beside) * self.purchases_an_order, most),
                    days=min(others + beside, days + 1),
                    categories=min(self.categories_each, self.categories),
                )
            ),
        )


def mean_over_poisson(mean: float, of: Callable[[int], float]) -> float:
    """The mean of a function of a count that has a Poisson distribution."""
    if mean <= 0 or mean > _LARGE_MEAN:
        return of(round(mean))
    spread = _DEVIATIONS * (sqrt(mean) + 1)
    counts = range(max(0, floor(mean - spread)), ceil(mean + spread) + 1)
    weights = [exp(count * log(mean) - mean - lgamma(count + 1)) for count in counts]
    return sum(w * of(count) for w, count in zip(weights, counts, strict=True)) / sum(weights)
