"""CPU seconds from a process's start: until a server's first prediction, and a Lambda function's first event.

Every start is a new process, in an environment that has what a server is deployed with and nothing else:
`make bench` installs it. The sides take turns, and medians count. Run: python -m benchmarks.starting
"""

import argparse
import json
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.commands import cpu_seconds
from benchmarks.processes import embedded_endpoint, on_core, trained_model
from benchmarks.services import ours, started
from benchmarks.usage import cpu_seconds_of

CUSTOMERS = 10
SERVE = Path(".venv-serve/bin").absolute()
SERVER, LAMBDA = "server: first prediction", "Lambda: first event"
MOST = {SERVER: 1.0, LAMBDA: 1.5}
"""CPU seconds that each may take."""
_LAMBDA = """
from api.entry.lambda_handler import handler
handler({"Records": []}, None)
"""
"""A cold start: everything is imported and built, and the first event is handled."""


def measure(rounds: int) -> Mapping[str, float]:
    """Medians of CPU seconds, by what begins."""
    found: dict[str, list[float]] = {SERVER: [], LAMBDA: []}
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        now = time.time_ns() // 1_000
        endpoint = stack.enter_context(embedded_endpoint(CUSTOMERS, "--now", now))
        service = ours(endpoint, folder)
        service = replace(service, command=(str(SERVE / "propensity"), *service.command[1:]))
        environment = {**os.environ, **service.environment}
        cpu_seconds((service.command[0], "worker", "create"), environment)
        for _ in range(rounds):
            with started(service, core=0) as running:
                found[SERVER].append(cpu_seconds_of(running.process))
            with on_core(0):
                command = (str(SERVE / "python"), "-c", _LAMBDA)
                found[LAMBDA].append(cpu_seconds(command, environment))
    return {name: median(seconds) for name, seconds in found.items()}


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure(options.rounds)
    table = Table("what begins", "CPU s", "at most", title="Starting")
    for name, seconds in figures.items():
        table.add_row(name, f"{seconds:.2f}", f"{MOST[name]:.1f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
