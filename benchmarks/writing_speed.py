"""Purchases a second and core: of the queue's worker, and of an import.

The worker is the command itself, and takes messages of one purchase each, of new customers. The import
reads a file of as many customers as rows. Only their own CPU time counts: the embedded engine, which has
the other core, is slower than both. Run: python -m benchmarks.writing_speed
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.import_speed import ONE_EACH, engine, measured, ordinary, write_file
from benchmarks.prediction_cost import LOAD_CORE, SERVER_CORE
from benchmarks.processes import on_core
from benchmarks.queue_exactness import QUEUE, Place, placed, waiting_in
from benchmarks.usage import cpu_seconds_of

READY = "recording purchases"
_AT_ONCE, _POLL_S, _PATIENCE_S = 64, 0.2, 600.0


def of_the_worker(purchases: int, warm_up: int) -> Mapping[str, float]:
    """CPU of the worker's process for so many purchases, once it is warm."""
    with on_core(LOAD_CORE), placed() as place:
        with on_core(SERVER_CORE):
            worker = place.worker()
        try:
            _wait(lambda: READY in place.log)
            _through(place, range(warm_up))
            cpu, began = cpu_seconds_of(worker.pid), time.perf_counter()
            _through(place, range(warm_up, warm_up + purchases))
            seconds, cpu = time.perf_counter() - began, cpu_seconds_of(worker.pid) - cpu
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait()
    return {
        "purchases": purchases,
        "cpu_ms": 1e3 * cpu / purchases,
        "per_cpu_second": purchases / cpu,
        "per_second": purchases / seconds,
    }


def of_an_import(rows: int) -> Mapping[str, object]:
    """CPU of an import in this process, whose customers have one purchase each."""
    with TemporaryDirectory() as folder, on_core(LOAD_CORE), engine() as settings:
        path = Path(folder) / "purchases.csv"
        write_file(path, rows, each=1)
        with on_core(SERVER_CORE):
            found = measured(ONE_EACH, rows, lambda mine: ordinary(path, mine, 20_000), settings)
    return {**asdict(found), "per_cpu_second": 1e3 / found.cpu_ms}


def _through(place: Place, numbers: Sequence[int]) -> None:
    """These purchases are sent, and the worker has recorded them."""
    asyncio.run(_sent(place, [_message(number) for number in numbers]))
    sqs = place.sqs()
    _wait(lambda: waiting_in(sqs, QUEUE) == 0)
    sqs.close()


async def _sent(place: Place, bodies: Sequence[str]) -> None:
    client = place.sqs()
    queue = client.queue(QUEUE)
    for start in range(0, len(bodies), _AT_ONCE):
        some = bodies[start : start + _AT_ONCE]
        await asyncio.gather(*(queue.send(body, reason=None, group=None) for body in some))
    client.close()


def _message(number: int) -> str:
    return json.dumps(
        {
            "customer_id": f"customer-{number:09}",
            "purchase_id": f"p-{number}",
            "purchased_at": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
            "category": "grocery",
            "amount_minor": 1 + number % 9_999,
            "currency": "USD",
        }
    )


def _wait(until: Callable[[], bool]) -> None:
    """Returns once it is so.

    Raises:
        RuntimeError: it is not, for minutes.
    """
    end = time.monotonic() + _PATIENCE_S
    while not until():
        if time.monotonic() > end:
            raise RuntimeError("the worker does not get on")
        time.sleep(_POLL_S)


def main() -> None:
    """Prints the figures of both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a tenth of the work")
    arguments.add_argument("--output", type=Path, help="a file for the figures as JSON")
    options = arguments.parse_args()
    purchases = 400 if options.quick else 4_000
    rows = 3 * purchases  # the first ones wait for a category that is new
    found = {"worker": of_the_worker(purchases, purchases // 8), "import": of_an_import(rows)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if options.output is not None:
        options.output.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
