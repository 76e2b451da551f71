"""The plan for 50 million customers and a billion purchases a month, and the bills of other shops.

Each figure is computed: from the unit costs of `domain.bill`, which tests hold to what the adapters
are charged; from limits that AWS states; from the simulation. The docs hold these tables, and a test
compares them. Run: python -m benchmarks.scale
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from pathlib import Path
from typing import Any, TypeAlias

from adapters.dynamodb.categories.listed import TRUST_S
from adapters.dynamodb.categories.sketch import KEPT
from benchmarks.workload import (
    NOW,
    PURCHASES_EACH,
    VARIANTS,
    WINDOW_DAYS,
    purchases_of,
    tenths_between,
)
from domain.audience.cost_plan import LISTING_UNITS
from domain.bill import MONTH_S, Prices, Shop
from domain.bill.month import OVERHEAD_BYTES, SHARDS
from domain.bill.prices import GB
from domain.bill.sizes import purchases_held_a_day
from domain.cost import BYTES_PER_UNIT, BYTES_PER_WRITE_UNIT, TRANSACTION_WRITES
from domain.retention import Retention
from domain.values import MICROS_PER_DAY, Window

PARTITION_BYTES = 10e9
PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
"""Units a second of one partition, and so of one item. Source: AWS, partition throughput."""
NEW_WRITES, NEW_READS = 4_000, 12_000
"""Units a second of a new on-demand table. Source: AWS, warm throughput."""
QUOTA_UNITS = 40_000
"""Units a second of one table, of reading and of writing, unless AWS raises it. Source: AWS, quotas."""
COLLECTION_BYTES = 10e9
"""All of one customer's purchases with their entries of by_time. Source: AWS, local indexes."""
TRANSACTION_PURCHASES = 99
PEAK = 5
"""The peak hour of the year, as a multiple of the mean: an assumption."""
LARGEST = 0.2
"""The share of the largest category in all purchases: an assumption."""
UTILISATION = 0.5
SHARES = (0.1, 0.3, UTILISATION, 0.7)
DAY_S = 86_400
WHOLE_DOLLARS = 1_000
"""From so many dollars on, cents are left out."""

SMALL = Shop(customers=10_000, purchases=20_000, predictions=200_000, audiences=30)
MIDDLE = Shop(
    customers=1_000_000,
    purchases=4_000_000,
    predictions=20_000_000,
    audiences=100,
    categories=200,
    writers=4,
)
BIG = Shop(
    customers=50_000_000,
    purchases=1_000_000_000,
    predictions=2_000_000_000,
    audiences=1_000,
    categories=1_000,
    categories_each=20,
    months_kept=24,
    writers=20,
)
BIG_ORDERS = replace(BIG, purchases_an_order=5)
FIGURES = Path(__file__).with_name("scale_simulation.json")
"""What `benchmarks.scale_simulation` saw."""
AUDIENCE = 20_000_000
"""Customers of the category whose audience is planned."""
PRICES = Prices()
Rows: TypeAlias = Sequence[Sequence[str]]
"""The cells of a table, row by row."""


def blocks() -> Mapping[str, str]:
    """Every table that the docs hold, by the name of its place."""
    heads_and_rows: Mapping[str, tuple[Sequence[str], Rows]] = {
        "bills": (("", "small", "middle", "big", "big, five lines an order"), bills()),
        "prices": (("price", "US dollars"), prices()),
        "provisioning": (
            ("US dollars", "on demand", *(f"{share:.0%} used" for share in SHARES), "break-even"),
            provisioning(),
        ),
        "sizes": (("what", "bytes", "units of a write"), sizes()),
        "rates": (("a second", "mean", f"peak, {PEAK} times the mean"), rates()),
        "partitions": (("", "GB", "partitions by size", "partitions by peak"), partitions()),
        "busy": (
            (
                "purchases of one customer a day",
                "recent item, bytes",
                "units of a write",
                "a second, one a call",
                "a second, 99 a call",
            ),
            busy(),
        ),
        "hot": (("key", "limit", "in this plan"), hot()),
        "audience": (
            ("workers", "minutes", "read units a second", "what holds it back"),
            audience(),
        ),
        "audience_cost": (("what is read", "read units", "US dollars"), audience_cost()),
        "simulation": (
            (
                "customers",
                "purchases in the window",
                "workers",
                "seconds",
                "customers a second",
                "customers a second of CPU",
                "driver, peak MB",
                "worker, peak MB",
                "parts",
            ),
            simulation(),
        ),
    }
    return {name: _table(head, rows) for name, (head, rows) in heads_and_rows.items()}


def bills() -> Rows:
    """A month of each shop."""
    shops = (SMALL, MIDDLE, BIG, BIG_ORDERS)
    named = [{line.what: line for line in shop.lines} for shop in shops]
    stored = [{each.what: each for each in shop.stored} for shop in shops]
    demand = [PRICES.on_demand(reads=shop.reads, writes=shop.writes) for shop in shops]
    provided = [
        PRICES.provisioned(reads=shop.reads, writes=shop.writes, utilisation=UTILISATION)
        for shop in shops
    ]
    storage = [PRICES.storage_gb * shop.stored_bytes / GB for shop in shops]
    return [
        _row("customers", (f"{shop.customers:,}" for shop in shops)),
        _row("purchases a month", (f"{shop.purchases:,}" for shop in shops)),
        _row("predictions a month", (f"{shop.predictions:,}" for shop in shops)),
        _row("audiences a month", (f"{shop.audiences:,}" for shop in shops)),
        _row("customers of an audience", (f"{shop.audience_customers:,}" for shop in shops)),
        *(
            _row(
                f"{what}, USD",
                (
                    _usd(PRICES.on_demand(reads=of[what].reads, writes=of[what].writes))
                    for of in named
                ),
            )
            for what in named[0]
        ),
        _row("**all units, on demand, USD**", map(_usd, demand)),
        _row(f"all units, provisioned and {UTILISATION:.0%} used, USD", map(_usd, provided)),
        *(
            _row(
                f"`{what}` stored, USD",
                (_usd(PRICES.storage_gb * of[what].bytes / GB) for of in stored),
            )
            for what in stored[0]
        ),
        _row(
            "**on demand and stored, USD**", map(_usd, map(sum, zip(demand, storage, strict=True)))
        ),
        _row(
            "point-in-time recovery, USD more",
            (_usd(PRICES.pitr_gb * s.backed_up_bytes / GB) for s in shops),
        ),
        _row(
            "one export to S3, USD more",
            (_usd(PRICES.export_gb * s.backed_up_bytes / GB) for s in shops),
        ),
    ]


def prices() -> Rows:
    """What the bills are computed with."""
    return [
        ("`read_million`: a million read units on demand", f"{PRICES.read_million:g}"),
        ("`write_million`: a million write units on demand", f"{PRICES.write_million:g}"),
        ("`read_hour`: a read unit a second, provisioned for an hour", f"{PRICES.read_hour:g}"),
        ("`write_hour`: a write unit a second, provisioned for an hour", f"{PRICES.write_hour:g}"),
        ("`storage_gb`: a GB for a month", f"{PRICES.storage_gb:g}"),
        ("`pitr_gb`: point-in-time recovery of a GB for a month", f"{PRICES.pitr_gb:g}"),
        ("`export_gb`: a GB exported to S3", f"{PRICES.export_gb:g}"),
    ]


def sizes() -> Rows:
    """Items and entries of the plan."""
    of = BIG.sizes
    return [
        ("item of a purchase", f"{of.purchase:,}", f"{TRANSACTION_WRITES}"),
        ("entry of `by_time`", f"{of.by_time:,}", "1"),
        ("entry of `by_category`", f"{of.by_category:,}", "1"),
        ("recent item, the mean", f"{BIG.recent_bytes:,.0f}", f"{BIG.recent_write_units:.2f}"),
        (
            "recent item, five lines a call",
            f"{BIG_ORDERS.recent_bytes:,.0f}",
            f"{BIG_ORDERS.recent_write_units / 5:.2f} a line",
        ),
        (
            "item of a category's list",
            f"{of.listed(BIG.audience_customers):,.0f}",
            f"{ceil(of.listed(BIG.audience_customers) / BYTES_PER_WRITE_UNIT)}",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a second of one table or index, at the mean."""

    what: str
    writes: float = 0.0
    reads: float = 0.0
    bytes: float = 0.0


def rates_of(shop: Shop) -> Sequence[Rate]:
    """What each table and index takes; an LSI lies in the partitions of its table."""
    lines = {line.what: line for line in shop.lines}
    stored = {each.what: each.bytes for each in shop.stored}
    entries = shop.audiences * shop.kept / shop.categories
    listed = entries * shop.sizes.by_category / BYTES_PER_UNIT * LISTING_UNITS
    of_purchase = lines["purchase items"].writes + lines["entries of by_time"].writes
    reads = lines["predictions"].reads + lines["audiences"].reads - listed
    size = stored["purchases"] + stored["by_time"]
    return [
        Rate("`purchases` with `by_time`", of_purchase / MONTH_S, bytes=size),
        Rate(
            "`by_category`",
            lines["entries of by_category"].writes / MONTH_S,
            listed / MONTH_S,
            stored["by_category"],
        ),
        Rate(
            "`recent_purchases`",
            lines["recent items"].writes / MONTH_S,
            reads / MONTH_S,
            stored["recent_purchases"],
        ),
        Rate(
            "`categories`",
            reads=lines["lists of categories"].reads / MONTH_S,
            bytes=shop.categories * (shop.sizes.listed(shop.audience_customers) + OVERHEAD_BYTES),
        ),
    ]


def rates() -> Rows:
    """What a second brings."""
    of = BIG.purchases / MONTH_S
    predictions = BIG.predictions / MONTH_S
    rows = [
        ("purchases", f"{of:,.0f}", f"{PEAK * of:,.0f}"),
        ("predictions", f"{predictions:,.0f}", f"{PEAK * predictions:,.0f}"),
    ]
    for rate in rates_of(BIG):
        if rate.writes:
            rows.append(
                (f"{rate.what}: write units", f"{rate.writes:,.0f}", f"{PEAK * rate.writes:,.0f}")
            )
        if rate.reads:
            rows.append(
                (f"{rate.what}: read units", f"{rate.reads:,.0f}", f"{PEAK * rate.reads:,.0f}")
            )
    return rows


def partitions() -> Rows:
    """How many partitions DynamoDB needs at least, by size and by throughput."""
    return [
        (
            rate.what,
            f"{rate.bytes / GB:,.2f}",
            f"{ceil(rate.bytes / PARTITION_BYTES):,}",
            f"{ceil(PEAK * (rate.writes / PARTITION_WRITES + rate.reads / PARTITION_READS)):,}",
        )
        for rate in rates_of(BIG)
    ]


def busy() -> Rows:
    """The most purchases a second of one customer, by how many they make a day."""
    days = Retention.covering(Window.days(BIG.recent_days)).days
    room = purchases_held_a_day(days)
    rows: list[Sequence[str]] = []
    for a_day in (1, 10, room, room + 1):
        held = min(a_day, room) * (days + 1)
        size = BIG.sizes.recent(purchases=held, days=days + 1, categories=BIG.categories_each)
        units = TRANSACTION_WRITES * ceil(size / BYTES_PER_WRITE_UNIT)
        of_item = PARTITION_WRITES / units
        of_key = PARTITION_WRITES / (TRANSACTION_WRITES + 1)
        name = f"{a_day:,}" + (", the most that a day's set holds" if a_day == room else "")
        rows.append(
            (
                name if a_day <= room else "more: the day is marked and read by time",
                f"{size:,.0f}",
                f"{units:,}",
                f"{min(of_item, of_key):,.1f}",
                f"{min(of_item * TRANSACTION_PURCHASES, of_key):,.0f}",
            )
        )
    return rows


def hot() -> Rows:
    """Keys that take more than others, what stops each, and how near this plan comes."""
    of = BIG.sizes
    each = of.purchase + of.by_time + 2 * OVERHEAD_BYTES
    most = COLLECTION_BYTES / each
    a_month = BIG.purchases / BIG.customers
    peak = PEAK * BIG.purchases / MONTH_S
    category = PARTITION_WRITES * SHARDS
    listing = BIG.page_units
    writers = PARTITION_READS / listing * TRUST_S
    years = most / a_month / 12
    return [
        (
            "purchases of one customer, all their life",
            f"{most:,.0f} purchases: 10 GB / ({of.purchase} + {of.by_time} + {2 * OVERHEAD_BYTES}) bytes",
            f"{a_month:,.0f} a month: {years:,.0f} years; one a second: {most / DAY_S / 365:.1f} years",
        ),
        (
            "purchases of one customer, a second",
            f"{PARTITION_WRITES / 3:,.0f}: {PARTITION_WRITES:,} units / 3",
            "see the table above: the recent item stops earlier",
        ),
        (
            "purchases of one category, a second",
            f"{category:,}: {SHARDS} shards of {PARTITION_WRITES:,} units, one partition each",
            (
                f"{LARGEST * peak:,.0f} at the peak, if the largest has {LARGEST:.0%}; "
                f"{LARGEST * peak / SHARDS:,.0f} a shard"
            ),
        ),
        (
            "purchases of the shop, a second, until the largest category is at half its limit",
            f"{category / 2 / LARGEST:,.0f}: half of {category:,} / {LARGEST:.0%}",
            f"{peak:,.0f} at the peak; {category / 2 / LARGEST / peak:,.0f} times as many",
        ),
        (
            "item of a category's list, writing processes",
            f"{writers:,.0f}: {PARTITION_READS:,} units / {listing:.0f} of a read, one a minute each",
            f"{BIG.writers}",
        ),
        (
            "new customers in a category's list, writes in its life",
            "none: they come seldom",
            f"{KEPT * log(AUDIENCE / KEPT):,.0f}: {KEPT} * ln({AUDIENCE:,} / {KEPT})",
        ),
        (
            "one table of a new account, write units a second",
            f"{QUOTA_UNITS:,} by quota, {NEW_WRITES:,} when new",
            f"{PEAK * max(rate.writes for rate in rates_of(BIG)):,.0f} at the peak",
        ),
    ]


def audience() -> Rows:
    """The audience of the large category: how long, and which limit of the store it meets."""
    rate = worker_speed()
    units = AUDIENCE * BIG.prediction_units
    rows: list[Sequence[str]] = []
    for workers in (1, 2, 8, 32):
        at_once = min(workers, SHARDS)
        seconds = max(AUDIENCE / (at_once * rate), units / QUOTA_UNITS)
        needs = units / (AUDIENCE / (at_once * rate))
        limit = "the workers"
        if needs > QUOTA_UNITS:
            limit = f"the quota of {QUOTA_UNITS:,} a table; the workers could take {needs:,.0f}"
        elif needs > NEW_READS:
            limit = f"the workers; a new table grants {NEW_READS:,}"
        rows.append((f"{workers}", f"{seconds / 60:,.1f}", f"{units / seconds:,.0f}", limit))
    return rows


def audience_cost() -> Rows:
    """What that audience reads, and its price on demand."""
    entries = AUDIENCE * BIG.kept / (BIG.customers * BIG.categories_each)
    listing = entries * BIG.sizes.by_category / BYTES_PER_UNIT * LISTING_UNITS
    units = AUDIENCE * BIG.prediction_units
    found = (
        (f"`by_category`: {entries:,.0f} entries", listing),
        (f"`recent_purchases`: {AUDIENCE:,} customers", units),
        ("together", listing + units),
    )
    return [
        (what, f"{reads:,.0f}", _usd(PRICES.on_demand(reads=reads, writes=0)))
        for what, reads in found
    ]


def provisioning() -> Rows:
    """What a million units cost, by the share of a provisioned capacity that is used."""
    million = 1e6
    kinds = {"reads": (million, 0.0), "writes": (0.0, million)}
    even = {"reads": PRICES.break_even_reads, "writes": PRICES.break_even_writes}
    return [
        (
            f"a million {kind}",
            f"{PRICES.on_demand(reads=reads, writes=writes):.3f}",
            *(
                f"{PRICES.provisioned(reads=reads, writes=writes, utilisation=share):.3f}"
                for share in SHARES
            ),
            f"{even[kind]:.1%}",
        )
        for kind, (reads, writes) in kinds.items()
    ]


def simulation() -> Rows:
    """What was run."""
    return [
        (
            f"{side['customers']:,}",
            f"{_in_window(side['purchases']):.0f}",
            f"{side['workers']}",
            f"{side['scored_s']:,.0f}",
            f"{side['customers_per_s']:,.0f}",
            f"{side['customers'] / side['workers_cpu_s']:,.0f}",
            f"{side['driver_peak_mb']:,.0f}",
            f"{side['worker_peak_mb']:,.0f}",
            f"{side['parts']:,} of {side['parts_bytes'] / 1e6:,.0f} MB together",
        )
        for side in _sides()
    ]


def _sides() -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = json.loads(FIGURES.read_text())["sides"]
    return found


def worker_speed() -> float:
    """Customers a second of a worker's CPU, where they have as many recent purchases as planned."""
    (side,) = (s for s in _sides() if s["workers"] == 1 and s["purchases"] > PURCHASES_EACH)
    return float(side["customers"] / side["workers_cpu_s"])


def _in_window(purchases: int) -> float:
    """How many purchases of a simulated customer the window holds, at the mean."""
    first, apart = NOW - WINDOW_DAYS * MICROS_PER_DAY, tenths_between(purchases)
    some = [
        purchase
        for variant in range(VARIANTS)
        for purchase in purchases_of(variant, tenths_apart=apart, count=purchases)
        if purchase.purchased_at > first
    ]
    return len(some) / VARIANTS


def _row(name: str, cells: Any) -> Sequence[str]:
    return [name, *cells]


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount < WHOLE_DOLLARS else f"{amount:,.0f}"


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    for name, text in blocks().items():
        sys.stdout.write(f"{name}\n\n{text}\n\n")
