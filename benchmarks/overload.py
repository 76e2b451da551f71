"""What a server does at five times the rate that it sustains: how much it still answers, and how fast.

Open loop: requests come whether they are answered or not. One worker has a core to itself, two
workers share both cores with the load and the store. Run: python -m benchmarks.overload
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.prediction_cost import LOAD_CORE, SERVER_CORE, asked
from benchmarks.processes import embedded_endpoint, on_core, replayed_endpoint, run, trained_model
from benchmarks.services import Running, ours, started
from benchmarks.usage import resident_mb_of
from domain.values import MICROS_PER_SECOND, instant

CUSTOMERS = 500
TIMES = 5
EASY = 0.8


def at_rate(running: Running, as_of: str, rate: float, seconds: float) -> dict[str, Any]:
    """What was seen at this rate, for so long."""
    with on_core(LOAD_CORE):
        return run(
            "benchmarks.open_loop",
            *("--port", running.port, "--path", running.service.path_at(as_of)),
            *("--rate", rate, "--seconds", seconds, "--customers", CUSTOMERS),
        )


def overloaded(running: Running, as_of: str, seconds: float) -> dict[str, float]:
    """Best, easy, overloaded, and easy again right afterwards."""
    asked(running, as_of, requests=2 * CUSTOMERS, in_flight=16)
    best = median(
        asked(running, as_of, requests=3_000, in_flight=16)["per_second"] for _ in range(3)
    )
    easy = at_rate(running, as_of, EASY * best, seconds)
    before = resident_mb_of(running.process)
    hard = at_rate(running, as_of, TIMES * best, seconds)
    after = resident_mb_of(running.process)
    again = at_rate(running, as_of, EASY * best, 5)
    recovered = next(
        (
            second
            for second, window in enumerate(again["seconds"])
            if window["accepted"] > 0.95 * EASY * best and window["p99_ms"] < 2 * easy["p99_ms"]
        ),
        99,
    )
    return {
        "best_per_second": best,
        "easy_p99_ms": easy["p99_ms"],
        "goodput_share": hard["goodput"] / best,
        "refused_per_second": hard["refused"],
        "p99_ratio": hard["p99_ms"] / easy["p99_ms"],
        "p99_ms": hard["p99_ms"],
        "refused_p50_ms": hard["refused_p50_ms"],
        "refused_p99_ms": hard["refused_p99_ms"],
        "failed": hard["failed"],
        "memory_growth_mb": after - before,
        "recovered_after_s": recovered,
    }


def measure(*, seconds: float, workers: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """The figures of each number of workers."""
    now = time.time_ns() // 1_000 // MICROS_PER_SECOND * MICROS_PER_SECOND
    as_of = instant.render(now)
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        with on_core(LOAD_CORE):
            engine = stack.enter_context(embedded_endpoint(CUSTOMERS, "--now", now))
            replayed = stack.enter_context(replayed_endpoint(engine))
        for count in workers:
            core = SERVER_CORE if count == 1 else None
            with started(ours(replayed, folder, workers=count), core=core) as running:
                found[f"{count} workers"] = overloaded(running, as_of, seconds)
    return found


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure(seconds=options.seconds, workers=tuple(options.workers))
    table = Table("workers", "figure", "value", title=f"{TIMES} times the sustainable rate")
    for what, values in figures.items():
        for name, value in values.items():
            table.add_row(what, name, f"{value:,.2f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
