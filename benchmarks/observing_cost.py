"""What it costs a prediction to be seen: CPU per prediction over HTTP, variants side by side.

A variant is a line of VARIANTS: the settings that make it. Each is a server on one core, and they
take short turns in shuffled order, so that whatever else the machine does meets all of them. What
counts is the median of the ratios within a round. `plain again` is the same as `plain`: how far it
is from 1 is the noise. One process may be lucky in where its memory lies, so all are started anew
a few times. CPU time is the kernel's account of the server's process, to the nanosecond.
Run: python -m benchmarks.observing_cost
"""

import argparse
import json
import random
import sys
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import uvloop
from rich.console import Console
from rich.table import Table

from adapters.listening import HOST, free_port
from benchmarks.load import ask, message
from benchmarks.prediction_cost import CUSTOMERS, LOAD_CORE, SERVER_CORE, TENTHS_APART
from benchmarks.processes import embedded_endpoint, on_core, replayed_endpoint, trained_model
from benchmarks.services import Running, ours, started
from benchmarks.workload import customer_id
from domain.values import MICROS_PER_SECOND

PLAIN, AGAIN = "plain", "plain again"
METRICS_PORT = "PROPENSITY_METRICS_PORT"
METRICS = {METRICS_PORT: "{port}"}
LOGS = METRICS | {"PROPENSITY_ACCESS_LOG_SHARE": "0.01"}
DECISIONS = LOGS | {
    "PROPENSITY_DECISION_LOG": "{folder}",
    "PROPENSITY_DECISION_LOG_KEY": b64encode(bytes(range(32))).decode(),
}
VARIANTS: Mapping[str, Mapping[str, str]] = {
    PLAIN: {},
    AGAIN: {},
    "metrics": METRICS,
    "metrics and logs": LOGS,
    "metrics, logs and all decisions": DECISIONS,
}
"""The settings of each; {port} is a free one, {folder} an empty folder."""
MOST: Mapping[str, float] = {"metrics and logs": 1.03, "metrics, logs and all decisions": 1.06}
"""CPU of a variant / of the plain one, at most."""
PATH = "/v1/customers/{customer}/propensity"
"""As of now: other instants are not logged."""
IN_FLIGHT = 8
SCRAPES = 20

Turn = Mapping[str, float]


def cpu_seconds_of(process: int) -> float:
    """CPU time of all threads of a process, ended ones too. Source: clock_getcpuclockid(3)."""
    return time.clock_gettime((~process << 3) | 2)


def asked(running: Running, *, requests: int) -> Turn:
    """The figures of one turn; `cpu_until` is what the process has used so far, in seconds.

    Raises:
        RuntimeError: a request failed.
    """
    path = running.service.path
    messages = [
        message(path.replace("{customer}", customer_id(number)), None)
        for number in range(CUSTOMERS)
    ]
    found = uvloop.run(ask(running.port, messages, requests=requests, in_flight=IN_FLIGHT))
    if found["failed"]:
        raise RuntimeError(f"{running.service.name}: {found['failed']} requests failed")
    return {"cpu_until": cpu_seconds_of(running.process), "p99_ms": float(str(found["p99_ms"]))}


def with_cpu(turns: Sequence[Turn], *, before: float, requests: int) -> list[Turn]:
    """With the CPU of a request: of the turn and of the pause before it, when others have theirs.

    What a server does aside of its requests is done in such pauses.
    """
    until = [before, *(turn["cpu_until"] for turn in turns)]
    used = [1e6 * (after - since) / requests for since, after in pairwise(until)]
    return [{**turn, "cpu_us": cpu_us} for turn, cpu_us in zip(turns, used, strict=True)]


def scrape_ms(running: Running, port: str) -> float:
    """CPU of one answer to Prometheus."""
    before = cpu_seconds_of(running.process)
    for _ in range(SCRAPES):
        with urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:  # our own
            answer.read()
    return 1e3 * (cpu_seconds_of(running.process) - before) / SCRAPES


def one_start(
    endpoint: str, folder: Path, *, rounds: int, requests: int
) -> tuple[list[Mapping[str, Turn]], list[float]]:
    """The turns of each round by variant, and what scrapes cost, of servers started anew."""
    scrapes: list[float] = []
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        settings: dict[str, Mapping[str, str]] = {}
        for name, given in random.sample(list(VARIANTS.items()), len(VARIANTS)):
            place = stack.enter_context(TemporaryDirectory())
            settings[name] = {
                key: value.format(port=free_port(), folder=place) for key, value in given.items()
            }
            service = ours(endpoint, folder, name=name)
            service = replace(
                service, path=PATH, environment={**service.environment, **settings[name]}
            )
            running[name] = stack.enter_context(started(service, core=SERVER_CORE))
        before = {
            name: asked(each, requests=max(requests, 2 * CUSTOMERS))["cpu_until"]  # warms up
            for name, each in running.items()
        }
        turns: dict[str, list[Turn]] = {name: [] for name in running}
        for _ in range(rounds):
            for name in random.sample(list(running), len(running)):
                turns[name].append(asked(running[name], requests=requests))
        complete = {
            name: with_cpu(each, before=before[name], requests=requests)
            for name, each in turns.items()
        }
        for name, given in settings.items():
            if METRICS_PORT in given:
                scrapes.append(scrape_ms(running[name], given[METRICS_PORT]))
    rows = zip(*complete.values(), strict=True)
    return [dict(zip(complete, row, strict=True)) for row in rows], scrapes


def measure(*, starts: int, rounds: int, requests: int) -> dict[str, dict[str, float]]:
    """Of each variant: medians, and its ratios to the plain one within the same round."""
    now = time.time_ns() // 1_000 // MICROS_PER_SECOND * MICROS_PER_SECOND
    filling = ("--now", now, "--tenths-apart", TENTHS_APART)
    turns: list[Mapping[str, Turn]] = []
    scrapes: list[float] = []
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        with on_core(LOAD_CORE):
            engine = stack.enter_context(embedded_endpoint(CUSTOMERS, *filling))
            replayed = stack.enter_context(replayed_endpoint(engine))
        stack.enter_context(on_core(LOAD_CORE))  # the servers have one of their own
        for _ in range(starts):
            found, scraped = one_start(replayed, folder, rounds=rounds, requests=requests)
            turns += found
            scrapes += scraped
    figures: dict[str, dict[str, float]] = defaultdict(dict)
    for name in VARIANTS:
        for key in ("cpu_us", "p99_ms"):
            figures[name][key] = median(turn[name][key] for turn in turns)
        figures[name] |= _ratios(turns, name, lambda turn: turn["cpu_us"], "cpu")
        figures[name] |= _ratios(turns, name, lambda turn: turn["p99_ms"], "p99")
    figures["metrics"]["scrape_ms"] = median(scrapes)
    return dict(figures)


def _ratios(
    turns: Sequence[Mapping[str, Turn]], name: str, of: Callable[[Turn], float], what: str
) -> dict[str, float]:
    ratios = [of(turn[name]) / of(turn[PLAIN]) for turn in turns]
    low, _, high = quantiles(ratios, n=4)
    return {f"{what}_ratio": median(ratios), f"{what}_low": low, f"{what}_high": high}


def table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    """The figures, for people."""
    shown = Table("variant", "CPU us", "CPU / plain", "half of them", "p99 ms", "p99 / plain")
    for name, found in figures.items():
        shown.add_row(
            name,
            f"{found['cpu_us']:.1f}",
            f"{found['cpu_ratio']:.4f}",
            f"{found['cpu_low']:.3f} to {found['cpu_high']:.3f}",
            f"{found['p99_ms']:.2f}",
            f"{found['p99_ratio']:.3f}",
        )
    return shown


def main() -> None:
    """Prints the figures; exits with 1 where a variant costs more than it may."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--starts", type=int, default=6)
    arguments.add_argument("--rounds", type=int, default=60)
    arguments.add_argument("--requests", type=int, default=200)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure(starts=options.starts, rounds=options.rounds, requests=options.requests)
    Console().print(table(figures))
    Console().print(f"one scrape: {figures['metrics']['scrape_ms']:.1f} ms of CPU")
    if options.output:
        options.output.write_text(json.dumps(figures))
    sys.exit(any(figures[name]["cpu_ratio"] > most for name, most in MOST.items()))


if __name__ == "__main__":
    main()
