"""Plan: which way of reading recent purchases costs less for an audience, and what it costs."""

from dataclasses import dataclass
from enum import StrEnum

from domain.cost import BYTES_PER_UNIT
from domain.ports import TableSize

BATCH_CUSTOMERS = 100
PAGE_BYTES = 1_048_576
"""A page of a Query or Scan. Source: AWS."""
INDEX_ENTRY_BYTES = 120
MOST_SCANNED = 1_000_000
"""Active customers whose scores a scan may hold in memory: about 150 MB."""


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


def plan(*, customers: int, shards: int, recent: TableSize, chosen: ReadWay | None = None) -> Plan:
    """The cheaper way for so many customers, or the `chosen` one, with its cost.

    A batch read costs a unit per customer, whether active or not; a scan costs the table of the
    active ones, however few of them are in the category.
    """
    average = recent.bytes / recent.items if recent.items else 0.0
    batch = customers * max(1.0, average / BYTES_PER_UNIT)
    scan = recent.bytes / BYTES_PER_UNIT
    way = chosen or (
        ReadWay.SCAN if scan < batch and 0 < recent.items <= MOST_SCANNED else ReadWay.BATCH
    )
    listing = customers * INDEX_ENTRY_BYTES
    listing_pages = max(shards, -(-listing // PAGE_BYTES))
    trips = {
        ReadWay.BATCH: -(-customers // BATCH_CUSTOMERS),
        ReadWay.SCAN: recent.bytes // PAGE_BYTES,
        ReadWay.BY_TIME: customers,
    }[way]
    return Plan(
        way=way,
        why=_why(way, chosen, batch=batch, scan=scan, active=recent.items),
        customers=customers,
        round_trips=listing_pages + max(1, trips),
        units=listing / BYTES_PER_UNIT / 2 + (scan if way is ReadWay.SCAN else batch),
    )


def _why(way: ReadWay, chosen: ReadWay | None, *, batch: float, scan: float, active: int) -> str:
    costs = (
        f"batches cost {batch:,.0f} read units, a scan of {active:,} active customers {scan:,.0f}"
    )
    if chosen is not None:
        return f"{way} was asked for; {costs}"
    if active == 0:
        return "the store has not counted the active customers yet, so a scan's cost is unknown"
    if way is ReadWay.BATCH and scan < batch:
        return f"more than {MOST_SCANNED:,} active customers do not fit into memory; {costs}"
    return f"{way} is cheaper: {costs}"
