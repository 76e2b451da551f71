"""Customers per CPU second: our stream beside the straightforward loop, on the same workload.

Both sides score with one trained model (we its ONNX export, the loop the pipeline itself) and
must agree. Each round is a process of its own, the sides take turns, and only their own CPU time
counts, not the endpoint's. Run: python -m benchmarks.audience_speed
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import canned_endpoint, embedded_endpoint, run, trained_model

LEAST_RATIO = 10
MOST_DIFFERENCE = 1e-9
"""Between the probabilities of the export and of the pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One endpoint, how many customers each side reads there, and how many rounds."""

    name: str
    endpoint: Callable[[int], AbstractContextManager[str]]
    ours: int
    loop: int
    rounds: int

    def held(self, folder: Path) -> dict[str, float]:
        """The medians of both sides, and their ratio.

        Raises:
            RuntimeError: a customer is missing, or the two sides disagree on one.
        """
        with self.endpoint(self.ours) as ours:
            if self.ours == self.loop:
                return self._rounds(folder, ours, ours)
            with self.endpoint(self.loop) as loop:
                return self._rounds(folder, ours, loop)

    def _rounds(self, folder: Path, ours: str, loop: str) -> dict[str, float]:
        streams: list[dict[str, Any]] = []
        loops: list[dict[str, Any]] = []
        for _ in range(self.rounds):
            streams.append(self._run("benchmarks.audience_stream", ours, folder))
            loops.append(self._run("benchmarks.audience_loop", loop, folder))
            self._check(streams[-1], loops[-1])
        stream, straight = _speed(streams), _speed(loops)
        return {
            "ours_per_cpu_second": stream,
            "loop_per_cpu_second": straight,
            "ratio": stream / straight,
            "least_ratio": min(
                _speed([ours]) / _speed([loop]) for ours, loop in zip(streams, loops, strict=True)
            ),
            "ours_per_second": _speed(streams, "seconds"),
            "loop_per_second": _speed(loops, "seconds"),
        }

    def _run(self, module: str, endpoint: str, folder: Path) -> dict[str, Any]:
        arguments = ("--endpoint", endpoint, "--folder", folder, "--sample", self.loop)
        return run(module, *arguments)

    def _check(self, stream: Mapping[str, Any], loop: Mapping[str, Any]) -> None:
        ours, straight = stream["scores"], loop["scores"]
        if (stream["customers"], len(ours), len(straight)) != (self.ours, self.loop, self.loop):
            raise RuntimeError(f"{self.name}: a customer is missing")
        if max(abs(ours[each] - straight[each]) for each in straight) > MOST_DIFFERENCE:
            raise RuntimeError(f"{self.name}: the two sides disagree")


def _speed(figures: list[dict[str, Any]], seconds: str = "cpu_seconds") -> float:
    return float(median(each["customers"] / each[seconds] for each in figures))


def contests(*, quick: bool) -> list[Contest]:
    """Both endpoints; the loop reads fewer customers of the canned one, since it is slow.

    1,600 customers are 100 in each shard: with fewer, our batches are not full, and the ratio
    shrinks to 3 or 4 at 100 customers.
    """
    return [
        Contest(
            name="canned",
            endpoint=canned_endpoint,
            ours=5_000 if quick else 20_000,
            loop=500 if quick else 1_000,
            rounds=1 if quick else 4,
        ),
        Contest(
            name="embedded engine",
            endpoint=embedded_endpoint,
            ours=200 if quick else 1_600,
            loop=200 if quick else 1_600,
            rounds=1,
        ),
    ]


def main() -> int:
    """Prints the table; 1 if we are not fast enough. A quick run judges nothing."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer customers, one round")
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    with trained_model() as folder:
        figures = {each.name: each.held(folder) for each in contests(quick=options.quick)}
    table = Table(
        *("endpoint", "ours", "loop", "ratio", "least", "ours/s", "loop/s"),
        title="customers per CPU second, their ratio and its least, customers per second",
    )
    for name, values in figures.items():
        table.add_row(name, *(f"{value:,.1f}" for value in values.values()))
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures))
    slow = any(values["ratio"] < LEAST_RATIO for values in figures.values())
    return int(slow and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
