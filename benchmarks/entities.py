"""Customers of an audience we score per second, beside entities per second that Feast's SDK reads.

Feast only reads a feature that somebody computed and stored; we read purchases, sum and score them.
The sides take turns in shuffled order, each in a process of its own on one core; the endpoint, which
answers at once, is on the other. Needs `make bench`'s .venv-feast. Run: python -m benchmarks.entities
"""

import argparse
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.processes import (
    canned_endpoint,
    embedded_endpoint,
    feast_repo,
    on_core,
    replayed_endpoint,
    run,
    trained_model,
)

AIM = 3
"""Times the entities/s of Feast's SDK."""
OURS = "ours, audience"
SIZES = (100, 1_000, 10_000)
MEASURED_CORE, STORE_CORE = 0, 1

Turn = Callable[[], Mapping[str, Mapping[str, float]]]
"""Figures by the name of the row they belong to."""


def streamed(endpoint: str, folder: Path) -> Mapping[str, Mapping[str, float]]:
    """The figures of our audience's stream."""
    found = run("benchmarks.audience_stream", "--endpoint", endpoint, "--folder", folder)
    return {
        OURS: {
            "entities_per_second": found["customers"] / found["seconds"],
            "cpu_us_per_entity": 1e6 * found["cpu_seconds"] / found["customers"],
        }
    }


def read_by_feast(
    endpoint: str, repo: Path, sizes: Sequence[int]
) -> Mapping[str, Mapping[str, float]]:
    """The figures of Feast's SDK, by entities a call."""
    found = run("benchmarks.feast_sdk", "--repo", repo, "--sizes", *sizes, feast=endpoint)
    return {f"Feast SDK, {int(size):,} a call": found[size] for size in map(str, sizes)}


def measure(*, rounds: int, customers: int, sizes: Sequence[int]) -> dict[str, dict[str, float]]:
    """The medians of every row."""
    turns: dict[str, list[Mapping[str, float]]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        with on_core(STORE_CORE):
            canned = stack.enter_context(canned_endpoint(customers))
            engine = stack.enter_context(embedded_endpoint(0))
            replayed = stack.enter_context(replayed_endpoint(engine))
        repo = stack.enter_context(feast_repo(engine, max(sizes)))
        sides: list[Turn] = [
            lambda: streamed(canned, folder),
            lambda: read_by_feast(replayed, repo, sizes),
        ]
        read_by_feast(replayed, repo, sizes)  # the store has answered every key once
        for _ in range(rounds):
            for turn in random.sample(sides, len(sides)):
                with on_core(MEASURED_CORE):
                    for row, figures in turn().items():
                        turns.setdefault(row, []).append(figures)
    return {
        row: {key: median(each[key] for each in found) for key in found[0]}
        for row, found in sorted(turns.items(), reverse=True)
    }


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer customers, one round")
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = (
        measure(rounds=1, customers=5_000, sizes=(100, 1_000))
        if options.quick
        else measure(rounds=2, customers=20_000, sizes=SIZES)
    )
    ours = figures[OURS]
    columns = ("side", "entities/s", "ours / this", "CPU us each", "CPU: this / ours")
    shown = Table(*columns, title=f"one core each; the aim is {AIM} times Feast's entities/s")
    for row, found in figures.items():
        speed, cpu = found["entities_per_second"], found["cpu_us_per_entity"]
        shown.add_row(
            row,
            f"{speed:,.0f}",
            f"{ours['entities_per_second'] / speed:.1f}",
            f"{cpu:.1f}",
            f"{cpu / ours['cpu_us_per_entity']:.1f}",
        )
    Console().print(shown)
    if options.output:
        options.output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
