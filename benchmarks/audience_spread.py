"""Customers per second of one audience: this process, and one and two workers, side by side.

The endpoint is canned and shares the machine's cores with the workers. Every side must list the
same members and expect the same buyers. Run: python -m benchmarks.audience_spread [--dask]
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters.audience_parts import ObjectAudienceParts
from adapters.listening import HOST
from adapters.object_store import open_object_store
from adapters.workers import DaskWorkers, ProcessWorkers
from api.cli.audience.run import StreamsAudience
from api.process import freeze_garbage
from benchmarks.audience_stream import a_client, a_query, a_service
from benchmarks.processes import canned_endpoint, trained_model
from benchmarks.workload import SHARDS
from domain.audience import (
    AudienceQuery,
    AudienceSummary,
    Member,
    Piece,
    ScoreAudience,
    SpreadAudience,
)
from domain.categories import Position
from domain.spreading import Workers

LEAST_RATIO = 1.8
"""Of two workers to one, on two cores that nothing else needs."""
MOST = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedPieces:
    """Scores a piece of the canned audience, as a deployment's worker scores one of its own."""

    endpoint: str
    model: Path
    parts: str
    most: int = MOST

    def __call__(self, position: Position) -> Piece:
        """The piece, its part written."""
        runner, service = _process(self.endpoint)
        query = replace(a_query(self.model), within=[position], most=self.most)
        members, summary = runner.run(_members(service, query))
        part = ObjectAudienceParts(open_object_store(self.parts), "canned/").write(members)
        return Piece(position, part, summary)


@cache
def _process(endpoint: str) -> tuple[asyncio.Runner, ScoreAudience]:
    freeze_garbage()
    return asyncio.Runner(), a_service(a_client(endpoint))


async def _members(
    service: StreamsAudience, query: AudienceQuery
) -> tuple[list[Member], AudienceSummary]:
    members: list[Member] = []
    async with service.stream(query) as (batches, summary):
        async for batch in batches:
            members += batch
    return sorted(members, key=lambda member: member.customer_id), summary


@dataclass(frozen=True, slots=True)
class Figures:
    """How fast, and what was listed: the digest of every member and the buyers expected."""

    per_second: float
    listed: tuple[str, float]


def measured(service: StreamsAudience, query: AudienceQuery) -> Figures:
    """One audience, to its end."""
    began = time.perf_counter()
    members, summary = asyncio.run(_members(service, query))
    seconds = time.perf_counter() - began
    rows = [(member.customer_id, member.probability, member.arm) for member in members]
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()
    return Figures(len(members) / seconds, (digest, summary.expected_buyers))


@contextmanager
def spread(workers: Workers, pieces: CannedPieces) -> Iterator[SpreadAudience]:
    """The audience over these workers, which are warm."""
    with TemporaryDirectory() as place, workers.open() as executor:
        pieces = replace(pieces, parts=place)
        warm = [
            executor.submit(replace(pieces, most=1), Position(shard))
            for shard in range(2 * workers.count)
        ]
        for each in warm:
            each.result()
        store = ObjectAudienceParts(open_object_store(place), "canned/")
        yield SpreadAudience(
            score=pieces, parts=store, workers=_Opened(workers, executor), shards=SHARDS
        )


class _Opened:
    """Workers that are open already."""

    def __init__(self, workers: Workers, executor: Any) -> None:
        self.count, self.lost = workers.count, workers.lost
        self._executor = executor

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The same ones again."""
        yield self._executor


@contextmanager
def dask_workers(count: int) -> Iterator[Workers]:
    """A cluster on this machine, as large as asked for."""
    from distributed import LocalCluster  # noqa: PLC0415  # workers need not hold it

    options = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(host=HOST, **options) as cluster:  # type: ignore[no-untyped-call]  # it has none
        yield DaskWorkers(cluster.scheduler_address)


@contextmanager
def process_workers(count: int) -> Iterator[Workers]:
    """So many processes."""
    yield ProcessWorkers(count)


def main() -> int:
    """Prints the table; 1 if two workers are not fast enough, which a quick run does not judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=400_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--dask", action="store_true", help="on Dask instead of processes")
    arguments.add_argument("--quick", action="store_true", help="fewer customers, one round")
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    customers = 20_000 if options.quick else options.customers
    kind = dask_workers if options.dask else process_workers
    with trained_model() as folder, canned_endpoint(customers) as endpoint:
        pieces = CannedPieces(endpoint=endpoint, model=folder / "model.onnx", parts="")
        found = _rounds(pieces, kind, 1 if options.quick else options.rounds)
    speeds = {name: median(each.per_second for each in all_) for name, all_ in found.items()}
    if len({each.listed for all_ in found.values() for each in all_}) > 1:
        raise RuntimeError("the sides list different members")
    ratio = speeds["two workers"] / speeds["one worker"]
    table = Table("side", "customers/s", title=f"{customers:,} customers, ratio {ratio:.2f}")
    for name, speed in speeds.items():
        table.add_row(name, f"{speed:,.0f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps({**speeds, "ratio": ratio}))
    return int(ratio < LEAST_RATIO and not options.quick)


def _rounds(
    pieces: CannedPieces, kind: Callable[[int], Any], rounds: int
) -> dict[str, list[Figures]]:
    query = a_query(pieces.model)
    found: dict[str, list[Figures]] = {"this process": [], "one worker": [], "two workers": []}
    for _ in range(rounds):
        found["this process"].append(measured(_process(pieces.endpoint)[1], query))
        for name, count in (("one worker", 1), ("two workers", 2)):
            with kind(count) as workers, spread(workers, pieces) as service:
                found[name].append(measured(service, query))
    return found


if __name__ == "__main__":
    sys.exit(main())
