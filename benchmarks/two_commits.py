"""Whether this checkout needs more CPU time than another commit: `make bench-quick BASE=v0.1.0`.

Both sides are served at the same time, each from its own code and its own store, and asked in
shuffled order: for predictions, purchases and an audience. CPU time is the operating system's
account of the server's process. Both run with the packages that are installed here. A part that
takes over a tenth more fails. Run: python -m benchmarks.two_commits v0.1.0
"""

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from benchmarks.prediction_cost import LOAD_CORE, SERVER_CORE, TENTHS_APART
from benchmarks.processes import on_core, replayed_endpoint, run
from benchmarks.services import Running, ours, started
from benchmarks.usage import cpu_seconds_of
from benchmarks.workload import CATEGORY
from domain.values import MICROS_PER_SECOND, instant

HERE, THERE = "here", "there"
MOST_MORE = 1.10
"""What a part may take here, as a multiple of there."""
CUSTOMERS = 1_600
"""Each shard fills batches of a hundred."""
PREDICTIONS, PURCHASES, STREAMS = 1_500, 250, 6
IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class Side:
    """One commit, served."""

    name: str
    running: Running
    as_of: str

    def prediction(self, _: int) -> float:
        """CPU ms of the server for one prediction."""
        path = f"/v1/customers/{{customer}}/propensity?as_of={self.as_of}"
        return self._loaded(PREDICTIONS, "--path", path)

    def purchase(self, turn: int) -> float:
        """CPU ms of the server for one purchase."""
        body = {
            "customer_id": f"turn-{turn}-{{customer}}",
            "purchase_id": f"turn-{turn}-{{customer}}",
            "purchased_at": self.as_of,
            "category": f"not {CATEGORY}",
            "amount_minor": 1_250,
            "currency": "USD",
        }
        text = json.dumps({"purchases": [body]})
        return self._loaded(PURCHASES, "--path", "/v1/purchases", "--body", text)

    def member(self, _: int) -> float:
        """CPU ms of the server for one member of a streamed audience."""
        before, members = cpu_seconds_of(self.running.process), 0
        with on_core(LOAD_CORE):
            for _ in range(STREAMS):
                members += _streamed(self.running.port, self.as_of)
        if members != STREAMS * CUSTOMERS:
            raise RuntimeError(f"{self.name}: {members} members of {STREAMS * CUSTOMERS}")
        return 1e3 * (cpu_seconds_of(self.running.process) - before) / members

    def _loaded(self, requests: int, *asked: str) -> float:
        before = cpu_seconds_of(self.running.process)
        with on_core(LOAD_CORE):
            found = run(
                "benchmarks.load",
                *("--port", self.running.port, *asked, "--in-flight", IN_FLIGHT),
                *("--requests", requests, "--customers", min(requests, CUSTOMERS)),
            )
        if found["failed"]:
            raise RuntimeError(f"{self.name}: {found['failed']} requests failed")
        return 1e3 * (cpu_seconds_of(self.running.process) - before) / requests


PARTS = {"prediction": Side.prediction, "purchase": Side.purchase, "member": Side.member}


def _streamed(port: int, as_of: str) -> int:
    """How many members one streamed audience has."""
    connection = HTTPConnection(HOST, port, timeout=120)
    path = f"/v1/categories/{CATEGORY}/propensities?as_of={as_of}"
    connection.request("GET", path, headers={"Accept": "application/x-ndjson"})
    lines = connection.getresponse().read().splitlines()
    connection.close()
    return sum(b'"probability"' in line for line in lines)


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit, while the block runs."""
    packed = subprocess.run(  # noqa: S603  # git itself, no shell
        ["git", "archive", commit],  # noqa: S607  # found in PATH, as everywhere
        check=True,
        stdout=subprocess.PIPE,
    )
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


@contextmanager
def _served(name: str, code: Path, now: int) -> Iterator[Side]:
    """A commit's server over a store that its own code filled, while the block runs."""
    environment = {"PYTHONPATH": str(code), "PROPENSITY_LOG_LEVEL": "error"}

    def of_its_own(module: str, *arguments: object) -> None:
        subprocess.run(  # noqa: S603  # our own modules, no shell
            [sys.executable, "-m", module, *map(str, arguments)],
            check=True,
            cwd=code,
            env={**os.environ, **environment},
        )

    with TemporaryDirectory() as folder, ExitStack() as stack:
        engine = EmbeddedEngine(Path(folder) / "engine", free_port())
        with on_core(LOAD_CORE):
            engine.start()
            stack.callback(engine.stop)
            endpoint = f"http://{HOST}:{engine.port}"
            of_its_own(
                "benchmarks.load_engine",
                *("--endpoint", endpoint, "--customers", CUSTOMERS),
                *("--now", now, "--tenths-apart", TENTHS_APART),
            )
            of_its_own("benchmarks.model", folder)
            replayed = stack.enter_context(replayed_endpoint(endpoint))
        service = ours(replayed, Path(folder), name=name)
        service = replace(service, environment={**service.environment, **environment})
        running = stack.enter_context(started(service, core=SERVER_CORE))
        yield Side(name, running, instant.render(now))


def measure(base: str, *, minutes: float) -> Mapping[str, Sequence[Mapping[str, float]]]:
    """CPU ms of both sides for each part, turn by turn, for so many minutes, setting up included."""
    began, now = time.monotonic(), time.time_ns() // 1_000
    now -= now % MICROS_PER_SECOND
    found: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    with ExitStack() as stack:
        there = stack.enter_context(_checked_out(base))
        sides = [
            stack.enter_context(_served(THERE, there, now)),
            stack.enter_context(_served(HERE, Path.cwd(), now)),
        ]
        for turn in range(1_000):
            for part, cost in PARTS.items():
                costs = {each.name: cost(each, turn) for each in random.sample(sides, len(sides))}
                if turn:  # the first one warms up
                    found[part].append(costs)
            if time.monotonic() - began > 60 * minutes:
                break
    return found


def main() -> int:
    """Prints the table; 1 if a part takes over a tenth more CPU time than there."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base", help="the commit to compare with, such as a tag")
    arguments.add_argument("--minutes", type=float, default=3.0)
    options = arguments.parse_args()
    found = measure(options.base, minutes=options.minutes)
    table = Table(
        *("part", options.base, "here", "here / there", "turns", "range"),
        title="CPU of the server, in ms: medians",
    )
    slower: list[str] = []
    for part, turns in found.items():
        ratios = sorted(turn[HERE] / turn[THERE] for turn in turns)
        if median(ratios) > MOST_MORE:
            slower.append(part)
        table.add_row(
            part,
            *(f"{median(turn[side] for turn in turns):.3f}" for side in (THERE, HERE)),
            f"{median(ratios):.2f}",
            str(len(ratios)),
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
        )
    Console().print(table)
    if slower:
        Console().print(
            f"over {MOST_MORE - 1:.0%} more CPU time than {options.base}: {', '.join(slower)}"
        )
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
