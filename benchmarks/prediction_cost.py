"""What one prediction costs: our server beside the reference design and the floor of the same read.

Where `make bench` has installed Feast, its feature server is measured too: it only reads a feature
that somebody stored, and scores nothing.
Every service is one process on a core of its own; its load and its store are on the other. They take
turns in shuffled order, since a fixed one flatters whoever comes later. CPU time is the operating
system's account of the server's process. Run: python -m benchmarks.prediction_cost
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import (
    FEAST,
    embedded_endpoint,
    feast_repo,
    on_core,
    replayed_endpoint,
    run,
    trained_model,
)
from benchmarks.services import (
    Running,
    Service,
    feast,
    floor,
    ours,
    ours_by_time,
    ours_on_granian,
    reference,
    started,
)
from benchmarks.usage import cpu_seconds_of, resident_mb_of
from domain.values import MICROS_PER_SECOND, instant

CUSTOMERS = 500
TENTHS_APART = 25
"""Tenths of a day between two purchases: all ten of a customer lie within the window."""
SERVER_CORE, LOAD_CORE = 0, 1
IN_FLIGHT = (1, 16)

Figures = Mapping[str, Mapping[int, Mapping[str, float]]]


def asked(running: Running, as_of: str, *, requests: int, in_flight: int) -> dict[str, float]:
    """The figures of one turn.

    Raises:
        RuntimeError: a request failed.
    """
    before = cpu_seconds_of(running.process)
    with on_core(LOAD_CORE):
        found = run(
            "benchmarks.load",
            *("--port", running.port, "--path", running.service.path_at(as_of)),
            *(("--body", running.service.body) if running.service.body else ()),
            *("--customers", CUSTOMERS, "--requests", requests, "--in-flight", in_flight),
        )
    cpu = cpu_seconds_of(running.process) - before
    if found["failed"]:
        raise RuntimeError(f"{running.service.name}: {found['failed']} requests failed")
    return {
        "cpu_ms": 1e3 * cpu / requests,
        "per_second": requests / found["seconds"],
        **{name: value for name, value in found.items() if name.startswith("p")},
        "resident_mb": resident_mb_of(running.process),
    }


def rounds(
    services: Sequence[Service], as_of: str, *, count: int, requests: int
) -> dict[str, dict[int, dict[str, float]]]:
    """The medians of every service, by requests in flight, over so many rounds."""
    turns: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with ExitStack() as stack:
        running = [stack.enter_context(started(each, core=SERVER_CORE)) for each in services]
        for each in running:
            asked(each, as_of, requests=max(requests, 2 * CUSTOMERS), in_flight=4)  # warms up
        for _ in range(count):
            for each in random.sample(running, len(running)):
                for in_flight in IN_FLIGHT:
                    found = asked(each, as_of, requests=requests, in_flight=in_flight)
                    turns[each.service.name, in_flight].append(found)
    medians: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    for (name, in_flight), found_in in turns.items():
        medians[name][in_flight] = {
            key: median(found[key] for found in found_in) for key in found_in[0]
        } | {"spread": _spread([found["cpu_ms"] for found in found_in])}
    return dict(medians)


def _spread(values: Sequence[float]) -> float:
    """How far the extremes are apart, as a share of the median."""
    return (max(values) - min(values)) / median(values)


def measure(*, count: int, requests: int) -> dict[str, Figures]:
    """Every service's figures, on the replaying endpoint and on the embedded engine."""
    now = time.time_ns() // 1_000 // MICROS_PER_SECOND * MICROS_PER_SECOND
    as_of = instant.render(now)
    filling = ("--now", now, "--tenths-apart", TENTHS_APART)
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        with on_core(LOAD_CORE):
            engine = stack.enter_context(embedded_endpoint(CUSTOMERS, *filling))
            replayed = stack.enter_context(replayed_endpoint(engine))
        repo = stack.enter_context(feast_repo(engine, CUSTOMERS)) if FEAST.exists() else None
        services = _services(replayed, folder, repo)
        on_replayed = [*services, ours_on_granian(replayed, folder)]
        return {
            "replayed": rounds(on_replayed, as_of, count=count, requests=requests),
            # The engine's own time is most of what is waited for here, so fewer requests will do.
            "embedded engine": rounds(
                _services(engine, folder, repo), as_of, count=2, requests=requests // 2
            ),
        }


def _services(endpoint: str, folder: Path, repo: Path | None) -> list[Service]:
    return [
        *([feast(endpoint, repo)] if repo else []),
        ours(endpoint, folder),
        ours_by_time(endpoint, folder),
        reference(endpoint, folder),
        floor(endpoint, "item"),
        floor(endpoint, "index"),
    ]


def table(name: str, figures: Figures) -> Table:
    """The figures of one endpoint, for people."""
    columns = ("service", "in flight", "CPU ms", "spread", "req/s", "p50 ms", "p99 ms", "p99.9 ms")
    shown = Table(*columns, "CPU: reference / this", title=name)
    for service, of_service in figures.items():
        for in_flight, found in sorted(of_service.items()):
            ratio = figures["reference"][in_flight]["cpu_ms"] / found["cpu_ms"]
            shown.add_row(
                service,
                str(in_flight),
                f"{found['cpu_ms']:.3f}",
                f"{found['spread']:.0%}",
                f"{found['per_second']:,.0f}",
                *(f"{found[key]:.2f}" for key in ("p50_ms", "p99_ms", "p99.9_ms")),
                f"{ratio:.2f}",
            )
    return shown


def main() -> None:
    """Prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--requests", type=int, default=750)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures: dict[str, Any] = measure(count=options.rounds, requests=options.requests)
    for name, found in figures.items():
        Console().print(table(name, found))
    if options.output:
        options.output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
