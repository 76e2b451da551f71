"""Ten million customers of one category, each really read and scored: by one worker, then by two.

The endpoint is canned and shares the machine's cores with the workers. Each side has a process of
its own that drives it. It holds the last id it saw and no other, so its memory tells of the
product. Run: python -m benchmarks.scale_simulation
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.audience_parts import ObjectAudienceParts
from adapters.dynamodb.schema.attributes import shard_of
from adapters.object_store import open_object_store
from adapters.workers import ProcessWorkers
from benchmarks.audience_spread import CannedPieces
from benchmarks.audience_stream import a_query
from benchmarks.processes import canned_endpoint, run, trained_model
from benchmarks.scale import FIGURES
from benchmarks.usage import cpu_seconds, cpu_seconds_of, peak_mb, peak_mb_of, report
from benchmarks.workload import (
    CATEGORY,
    NOW,
    PURCHASES_EACH,
    SHARDS,
    VARIANTS,
    customer_number,
    purchases_of,
    tenths_between,
)
from domain.audience import AudienceQuery, Expectation, Member, SpreadAudience
from domain.features import Histories

FEW, CUSTOMERS = 100_000, 10_000_000
"""A hundred times the customers must not take much more memory."""
MANY_PURCHASES = 120
"""As many recent purchases as the plan's customers have: some 68 of them in the window."""
PATIENCE_S = 4 * 3600.0


class Watch:
    """What the workers have used so far, looked at after each piece."""

    def __init__(self) -> None:
        self.peak_mb: dict[int, float] = {}
        self.cpu_seconds: dict[int, float] = {}

    def look(self) -> None:
        """Notes every worker that is there."""
        for process in multiprocessing.active_children():
            if process.pid is not None and process.is_alive():
                self.peak_mb[process.pid] = peak_mb_of(process.pid)
                self.cpu_seconds[process.pid] = cpu_seconds_of(process.pid)


class Census:
    """Counts members that must come in the strict order of (shard, id): so nobody comes twice."""

    def __init__(self, customers: int) -> None:
        self._customers = customers
        self._last = (-1, "")
        self.members = 0

    def count(self, member: Member) -> None:
        """One more.

        Raises:
            RuntimeError: it is out of order, is nobody of the workload, or has no probability.
        """
        place = (shard_of(member.customer_id, SHARDS), member.customer_id)
        known = customer_number(member.customer_id) < self._customers
        if place <= self._last or not known or member.probability is None:
            raise RuntimeError(f"{member} must not come after {self._last}")
        self._last = place
        self.members += 1


def expected(query: AudienceQuery, customers: int, purchases: int) -> Expectation:
    """The buyers expected by the law of the workload: customers take its histories in turn."""
    apart = tenths_between(purchases)
    histories = Histories.of(
        [purchases_of(each, tenths_apart=apart, count=purchases) for each in range(VARIANTS)]
    )
    _, scores = query.traffic.champion.scores(histories, NOW, target=CATEGORY)
    return Expectation(
        sum(
            Expectation.of([Member("", score)]).steps * len(range(variant, customers, VARIANTS))
            for variant, score in enumerate(scores.tolist())
        )
    )


async def simulated(
    service: SpreadAudience, query: AudienceQuery, customers: int, purchases: int
) -> dict[str, object]:
    """One audience to its end, and what it took.

    Raises:
        RuntimeError: somebody is missing, or other buyers are expected than the law says.
    """
    watch, census, pieces, scored_s = Watch(), Census(customers), 0, 0.0
    began = time.perf_counter()
    async with service.stream(query) as (batches, summary):
        async for batch in batches:
            if not batch:
                pieces += 1
                watch.look()
                scored_s = time.perf_counter() - began
            for member in batch:
                census.count(member)
    all_s = time.perf_counter() - began
    if summary.partial or not census.members == summary.scored == customers:
        raise RuntimeError(f"{census.members:,} of {customers:,} were listed")
    if summary.expected != (due := expected(query, customers, purchases)):
        raise RuntimeError(f"{summary.expected_buyers} buyers are expected, not {due.buyers}")
    return {
        "workers": service.workers.count,
        "customers": census.members,
        "purchases": purchases,
        "expected_buyers": summary.expected_buyers,
        "pieces": pieces,
        "round_trips": summary.cost.round_trips,
        "read_units": summary.cost.reads.total,
        "scored_s": scored_s,
        "all_s": all_s,
        "customers_per_s": census.members / scored_s,
        "workers_cpu_s": sum(watch.cpu_seconds.values()),
        "driver_cpu_s": cpu_seconds(),
        "worker_peak_mb": max(watch.peak_mb.values()),
        "driver_peak_mb": peak_mb(),
    }


def one_side(
    endpoint: str, folder: Path, *, workers: int, customers: int, purchases: int
) -> dict[str, object]:
    """The figures of so many workers."""
    query = replace(a_query(folder / "model.onnx"), deadline_s=PATIENCE_S)
    with TemporaryDirectory() as place:
        service = SpreadAudience(
            score=CannedPieces(endpoint=endpoint, model=folder / "model.onnx", parts=place),
            parts=ObjectAudienceParts(open_object_store(place), "canned/"),
            workers=ProcessWorkers(workers),
            shards=SHARDS,
        )
        figures = asyncio.run(simulated(service, query, customers, purchases))
        sizes = [each.stat().st_size for each in Path(place).rglob("*.parquet")]
    return {**figures, "parts": len(sizes), "parts_bytes": sum(sizes)}


@dataclass(frozen=True, slots=True)
class Size:
    """One endpoint: its customers, and of each so many purchases in 55 days; the window has 30."""

    customers: int
    purchases: int


SIZES = (Size(FEW, PURCHASES_EACH), Size(FEW, MANY_PURCHASES), Size(CUSTOMERS, PURCHASES_EACH))


def main() -> None:
    """Writes the figures of all sides; with an endpoint, reports those of one."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", help="of one side, in a process of its own")
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--customers", type=int, default=0)
    arguments.add_argument("--purchases", type=int, default=PURCHASES_EACH)
    options = arguments.parse_args()
    chosen = Size(options.customers, options.purchases)
    if options.endpoint:
        (workers,) = options.workers
        report(one_side(options.endpoint, options.folder, workers=workers, **asdict(chosen)))
        return
    sides: list[object] = []
    with trained_model() as folder:
        for size in [chosen] if chosen.customers else SIZES:
            with canned_endpoint(size.customers, size.purchases) as endpoint:
                for workers in options.workers:
                    sides.append(_apart(endpoint, folder, workers, size))
                    sys.stdout.write(f"{json.dumps(sides[-1])}\n")
                    sys.stdout.flush()
    if not chosen.customers:
        found = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "cores": os.cpu_count(), "sides": sides}
        FIGURES.write_text(json.dumps(found, indent=1) + "\n")


def _apart(endpoint: str, folder: Path, workers: int, size: Size) -> dict[str, object]:
    """The figures of one side, from a process of its own."""
    place = ("--endpoint", endpoint, "--folder", folder, "--workers", workers)
    of = ("--customers", size.customers, "--purchases", size.purchases)
    return run("benchmarks.scale_simulation", *place, *of)


if __name__ == "__main__":
    main()
