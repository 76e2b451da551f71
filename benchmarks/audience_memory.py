"""Memory and first row of a large audience: a million index entries of 100,000 customers.

The stream, its adapters and its model are the real ones; the endpoint is canned, because the
embedded engine takes half an hour to fill. Run: python -m benchmarks.audience_memory
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import canned_endpoint, run, trained_model
from benchmarks.workload import SHARDS

CUSTOMERS = 100_000
QUICK_CUSTOMERS = 10_000
ROUNDS = 5
MOST_MB = 300
MOST_FIRST_ROW_MS = 100


def rounds(customers: int, count: int) -> list[dict[str, Any]]:
    """The figures of so many streams, each in a process of its own."""
    with trained_model() as folder, canned_endpoint(customers) as endpoint:
        arguments = ("--endpoint", endpoint, "--folder", folder)
        return [run("benchmarks.audience_stream", *arguments) for _ in range(count)]


def judged(figures: list[dict[str, Any]], customers: int) -> dict[str, tuple[float, float | None]]:
    """Each figure, the worst for memory and the median otherwise, and what it may be at most."""
    middle = {
        name: median(each[name] for each in figures)
        for name in ("seconds", "cpu_seconds", "first_row_ms", "round_trips", "pages")
    }
    return {
        "customers not scored": (max(customers - each["customers"] for each in figures), 0),
        "peak resident before, MB": (max(each["before_mb"] for each in figures), None),
        "peak resident, MB": (max(each["peak_mb"] for each in figures), MOST_MB),
        "first page to first row, ms": (middle["first_row_ms"], MOST_FIRST_ROW_MS),
        "slowest first row, ms": (max(each["first_row_ms"] for each in figures), None),
        "index pages": (middle["pages"], None),
        "round trips": (
            middle["round_trips"],
            customers / 100 + 2 * (middle["pages"] + SHARDS),  # a page is its item and a Query
        ),
        "customers/s": (customers / middle["seconds"], None),
        "customers per CPU second": (customers / middle["cpu_seconds"], None),
    }


def main() -> int:
    """Prints the table; 1 if a figure is larger than it may be. A quick run judges nothing."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a tenth of it, once")
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    customers = QUICK_CUSTOMERS if options.quick else CUSTOMERS
    figures = judged(rounds(customers, 1 if options.quick else ROUNDS), customers)
    table = Table(
        "figure", "measured", "at most", title=f"{customers:,} customers, canned endpoint"
    )
    for name, (value, most) in figures.items():
        table.add_row(name, f"{value:,.1f}", "" if most is None else f"{most:,.0f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps({name: value for name, (value, _) in figures.items()}))
    large = any(most is not None and value > most for value, most in figures.values())
    return int(large and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
