"""What the console costs: how long pages take, and what a person who looks takes from predictions.

The demo runs on one core: the server, its drawing process and the engine. The load has the other.
Each page is opened new, and again. Then turns of load alternate in shuffled order, alone and with a
person who opens a page every three seconds. A busy core has so much less for predictions as the
server's CPU time for each of them grows: what counts is the median of that ratio within a round. Answers
a second are told too; the engine makes them noisy. Run: python -m benchmarks.console_cost
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from benchmarks.load import ask, message
from benchmarks.prediction_cost import LOAD_CORE, SERVER_CORE
from benchmarks.processes import on_core
from benchmarks.usage import cpu_seconds_of

PAGES = (
    "/console",
    "/console/customers/{customer}",
    "/console/audiences",
    "/console/audiences/grocery",
    "/console/campaigns",
    "/console/campaigns/nobody-was-mailed",
    "/console/models",
    "/console/models/purchase-propensity",
    "/console/live",
    "/console/operations",
)
MOST_MS = 300.0
LEAST_SHARE = 0.97
READY_S = 600
SETTLING_S = 90
"""The demo loads on while it serves."""
IN_FLIGHT = 8
LOOKS_EVERY_S = 3.0
PROPENSITY = str(Path(sys.executable).with_name("propensity"))


@contextmanager
def demo(households: int) -> Iterator[tuple[str, int]]:
    """The address and the process of a demo on the server's core; the engine is no part of it."""
    port = free_port()
    with TemporaryDirectory() as home, ExitStack() as stack:
        engine = EmbeddedEngine(Path(home) / ".propensity" / "engine", free_port())
        environment = os.environ | {
            "PROPENSITY_DYNAMODB_ENDPOINT": f"http://{HOST}:{engine.port}",
            "PROPENSITY_LOG_LEVEL": "error",
        }
        with on_core(SERVER_CORE), Path(home, "log").open("w") as log:
            engine.start()
            stack.callback(engine.stop)
            process = subprocess.Popen(  # noqa: S603  # our own command
                [PROPENSITY, "demo", "--port", str(port), "--households", str(households)],
                cwd=home,
                env=environment,
                stderr=log,
            )
        try:
            address = f"http://{HOST}:{port}"
            for _ in range(READY_S):
                if process.poll() is not None:
                    raise RuntimeError(Path(home, "log").read_text())
                with suppress(httpx.TransportError):
                    if httpx.get(f"{address}/readyz").status_code == 200:  # noqa: PLR2004
                        break
                time.sleep(1)
            time.sleep(SETTLING_S)
            yield address, process.pid
        finally:
            process.terminate()
            process.wait()


def opened_ms(browser: httpx.Client, path: str) -> float:
    """Milliseconds until the page is there."""
    began = time.perf_counter()
    browser.get(path).raise_for_status()
    return 1_000 * (time.perf_counter() - began)


def pages_ms(browser: httpx.Client, customers: Sequence[str], *, times: int) -> dict[str, Any]:
    """Of each page: the first opening, and the median of later ones."""
    found = {}
    for template in PAGES:
        taken = [
            opened_ms(browser, template.format(customer=random.choice(customers)))  # noqa: S311
            for _ in range(times + 1)
        ]
        found[template] = {"first_ms": taken[0], "again_ms": median(taken[1:])}
        browser.get("/console/processes").raise_for_status()  # as each page does once it is there
    return found


async def turn(
    port: int, browser: httpx.Client, customers: Sequence[str], *, looked: bool, requests: int
) -> float:
    """Predictions a second of one turn."""
    asked = [message(f"/v1/customers/{each}/propensity", None) for each in customers]
    over = asyncio.Event()

    async def look() -> None:
        await asyncio.sleep(random.uniform(0, LOOKS_EVERY_S))  # noqa: S311
        while not over.is_set():
            path = random.choice(PAGES).format(customer=random.choice(customers))  # noqa: S311
            await asyncio.to_thread(opened_ms, browser, path)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), LOOKS_EVERY_S)

    person = asyncio.create_task(look()) if looked else None
    began = time.perf_counter()
    found = await ask(port, asked, requests=requests, in_flight=IN_FLIGHT)
    seconds = time.perf_counter() - began
    over.set()
    if person is not None:
        person.cancel()
    if found["failed"]:
        raise RuntimeError(f"{found['failed']} predictions failed")
    return requests / seconds


def measure(*, households: int, rounds: int, requests: int) -> dict[str, Any]:
    """The pages' times, and the share of throughput that is left beside a person."""
    with ExitStack() as stack:
        address, process = stack.enter_context(demo(households))
        port = int(address.rpartition(":")[2])
        stack.enter_context(on_core(LOAD_CORE))
        browser = stack.enter_context(
            httpx.Client(base_url=address, timeout=60, follow_redirects=True)
        )
        customers = [f"household-{n}" for n in range(1, households // 2)]
        customers = [
            each
            for each in random.sample(customers, 40)
            if browser.get(f"/v1/customers/{each}/propensity").is_success
        ]
        pages = pages_ms(browser, customers, times=5)
        shares, speeds = [], []
        for _ in range(rounds):
            cpu, speed = dict[bool, float](), dict[bool, float]()
            for looked in random.sample([False, True], 2):
                before = cpu_seconds_of(process)
                speed[looked] = asyncio.run(
                    turn(port, browser, customers, looked=looked, requests=requests)
                )
                cpu[looked] = cpu_seconds_of(process) - before
            shares.append(cpu[False] / cpu[True])
            speeds.append(speed[True] / speed[False])
    return {
        "pages": pages,
        "share": median(shares),
        "shares": sorted(shares),
        "speeds": sorted(speeds),
    }


def main() -> None:
    """Prints the figures; exits with 1 where a page is slow or predictions lose too much."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--households", type=int, default=2_000)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--requests", type=int, default=4_000)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure(
        households=options.households, rounds=options.rounds, requests=options.requests
    )
    shown = Table("page", "first ms", "again ms")
    for path, taken in figures["pages"].items():
        shown.add_row(path, f"{taken['first_ms']:.0f}", f"{taken['again_ms']:.0f}")
    Console().print(shown)
    Console().print(
        f"predictions beside a person who looks: {figures['share']:.3f} of those alone, by CPU time; "
        f"{median(figures['speeds']):.3f} by answers a second, {figures['speeds'][0]:.2f} to "
        f"{figures['speeds'][-1]:.2f}"
    )
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1))
    slow = [path for path, taken in figures["pages"].items() if taken["again_ms"] > MOST_MS]
    sys.exit(bool(slow) or figures["share"] < LEAST_SHARE)


if __name__ == "__main__":
    main()
