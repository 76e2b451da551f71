"""Plan: which way of reading recent purchases costs less for an audience, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.categories import CategorySize
from domain.cost import BYTES_PER_UNIT, INDEX_ENTRY_BYTES
from domain.recent import BATCH_CUSTOMERS, TableSize

PAGE_BYTES = 1_048_576
"""A page of a Query or Scan. Source: AWS."""
LISTING_UNITS = 0.5
"""Read units of the least page of an index, which is never strongly consistent. Source: AWS."""
SEGMENTS = 4
"""Parts of a parallel scan; each has a page at least."""
MOST_SCANNED = 1_000_000
"""Customers whose scores a scan may hold in memory: about 150 MB."""


class ReadWay(StrEnum):
    """How the purchases of an audience are read; by time is one Query per customer."""

    BATCH = "batch"
    SCAN = "scan"
    BY_TIME = "by_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an audience costs at least, before anything of it is read; `why` explains the way.

    `customers` is approximate; `units` are read units, listing the category included, if every
    customer bought in it once.
    """

    way: ReadWay
    why: str
    customers: int
    round_trips: int
    units: float

    def least_seconds(self, units_per_second: float) -> float:
        """How long the reads take at least, where the store grants so many units a second."""
        return self.units / units_per_second


def plan(  # noqa: PLR0913  # what the cost depends on
    *,
    category: CategorySize,
    shards: int,
    recent: TableSize,
    reaches: bool = True,
    chosen: ReadWay | None = None,
    by_time_share: float = 0.0,
) -> Plan:
    """The cheaper way for a category in so many shards, or the `chosen` one, with its cost.

    A batch read costs a unit per customer, whether active or not; a scan costs the table of all
    customers, however few of them are in the category. Unless the recent purchases `reach` back
    as far as the window does, everybody is read by time, whatever was chosen. A challenger that
    looks further back has its share of the customers read by time, and nobody scanned for.
    """
    customers = category.customers
    average = recent.bytes / recent.items if recent.items else 0.0
    units = {
        ReadWay.BATCH: customers * max(1.0, average / BYTES_PER_UNIT),
        ReadWay.SCAN: max(float(SEGMENTS), recent.bytes / BYTES_PER_UNIT),
        ReadWay.BY_TIME: float(customers),
    }
    trips = {
        ReadWay.BATCH: -(-customers // BATCH_CUSTOMERS),
        ReadWay.SCAN: max(SEGMENTS, -(-recent.bytes // PAGE_BYTES)),
        ReadWay.BY_TIME: customers,
    }
    fits = 0 < min(recent.items, customers) <= MOST_SCANNED and not by_time_share
    cheaper = ReadWay.SCAN if units[ReadWay.SCAN] < units[ReadWay.BATCH] and fits else ReadWay.BATCH
    if by_time_share and chosen is ReadWay.SCAN:
        chosen = None
    way = (chosen or cheaper) if reaches else ReadWay.BY_TIME
    if way is ReadWay.BATCH:
        trips[way] += round(customers * by_time_share)
        units[way] += customers * by_time_share
    listing = customers * INDEX_ENTRY_BYTES
    queries = max(category.partitions, -(-listing // PAGE_BYTES))
    pages = max(shards, queries * shards // category.partitions)
    return Plan(
        way=way,
        why=_why_share(by_time_share)
        + _why(way, chosen, units, stored=recent.items, by_time_too=bool(by_time_share))
        if reaches
        else _too_old(chosen),
        customers=customers,
        round_trips=queries + pages + trips[way],
        units=max(category.partitions, listing / BYTES_PER_UNIT) * LISTING_UNITS
        + pages * category.page_units
        + units[way],
    )


def _why_share(by_time_share: float) -> str:
    if not by_time_share:
        return ""
    return f"{by_time_share:.2%} may be read by time, as the challenger looks back further; "


def _too_old(chosen: ReadWay | None) -> str:
    reason = "recent purchases do not reach back far enough from that instant"
    return f"{reason}; {chosen} was chosen" if chosen not in {None, ReadWay.BY_TIME} else reason


def _why(
    way: ReadWay,
    chosen: ReadWay | None,
    units: Mapping[ReadWay, float],
    *,
    stored: int,
    by_time_too: bool,
) -> str:
    batch, scan = units[ReadWay.BATCH], units[ReadWay.SCAN]
    costs = f"batches cost {batch:,.0f} read units, a scan of all {stored:,} customers {scan:,.0f}"
    if chosen is not None:
        return f"{way} was chosen; {costs}"
    if stored == 0:
        return "DynamoDB has not counted the customers yet, so the cost of a scan is unknown"
    if way is ReadWay.BATCH and by_time_too:
        return f"a scan has no place for them; {costs}"
    if way is ReadWay.BATCH and scan < batch:
        return f"more than {MOST_SCANNED:,} customers do not fit into memory; {costs}"
    return f"{way} is cheaper: {costs}"
