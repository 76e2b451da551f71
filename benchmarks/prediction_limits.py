"""Whether a prediction's cost stays as it is: long histories, many requests, a slow store, more processes.

Each is measured on `propensity serve` beside itself. Run: python -m benchmarks.prediction_limits
"""

import argparse
import json
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.schema.attributes import category_shard
from benchmarks.audience_stream import a_client
from benchmarks.prediction_cost import CUSTOMERS, LOAD_CORE, SERVER_CORE, TENTHS_APART, asked
from benchmarks.processes import embedded_endpoint, on_core, replayed_endpoint, run, trained_model
from benchmarks.services import Running, ours, started
from benchmarks.usage import resident_mb_of
from benchmarks.workload import SHARDS, customer_id, purchases_of
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND, instant

EVER = 100_000
"""Purchases of the customer with the long history; as many of them lie in the window as another's."""
DELAY_MS = 5.0
LONG = CUSTOMERS - 1
_ROUNDS, _PAIRS = 5, 11


def give_long_history(client: DynamoClient, customer: int, *, now: int) -> None:
    """The customer has EVER more purchases, all older than any window that is read here."""
    name = customer_id(customer)
    with client.purchases.batch_write() as batch:
        for number in range(EVER):
            purchase = purchases_of(customer, now=now, count=1)[0]
            batch.save(
                client.purchases(
                    customer_id=name,
                    purchase_id=f"old-{number:06d}",
                    purchased_at=now - 60 * MICROS_PER_DAY - number * MICROS_PER_SECOND,
                    category=purchase.category,
                    amount_minor=purchase.amount_minor,
                    category_shard=category_shard(purchase.category, name, SHARDS),
                    fingerprint=purchase.fingerprint,
                )
            )


def flatness(running: Running, as_of: str) -> dict[str, float]:
    """The p50 of the customer with the long history, and of another one, in turns."""
    path = running.service.path_at(as_of)
    p50: dict[str, list[float]] = {"long_ms": [], "short_ms": []}
    for _ in range(_ROUNDS):
        for name, customer in (("long_ms", LONG), ("short_ms", 1)):
            one = path.replace("{customer}", customer_id(customer))
            turn = run(
                "benchmarks.load",
                *("--port", running.port, "--path", one, "--requests", 300, "--in-flight", 1),
            )
            p50[name].append(turn["p50_ms"])
    medians = {name: median(found) for name, found in p50.items()}
    return {**medians, "ratio": medians["long_ms"] / medians["short_ms"]}


def memory(running: Running, as_of: str, *, requests: int) -> dict[str, float]:
    """Resident memory after a hundredth of the requests and after all of them."""
    asked(running, as_of, requests=requests // 100, in_flight=16)
    early = resident_mb_of(running.process)
    asked(running, as_of, requests=requests - requests // 100, in_flight=16)
    late = resident_mb_of(running.process)
    return {"early_mb": early, "late_mb": late, "growth": late / early - 1.0}


def measure(*, requests: int) -> dict[str, dict[str, float]]:
    """Every figure."""
    now = time.time_ns() // 1_000 // MICROS_PER_SECOND * MICROS_PER_SECOND
    as_of = instant.render(now)
    figures: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(trained_model())
        with on_core(LOAD_CORE):
            engine = stack.enter_context(
                embedded_endpoint(CUSTOMERS, "--now", now, "--tenths-apart", TENTHS_APART)
            )
            replayed = stack.enter_context(replayed_endpoint(engine))
            slow = stack.enter_context(replayed_endpoint(engine, delay_ms=DELAY_MS))
        with started(ours(replayed, folder), core=SERVER_CORE) as running:
            figures["memory"] = memory(running, as_of, requests=requests)
        with started(ours(slow, folder), core=SERVER_CORE) as running:
            asked(running, as_of, requests=CUSTOMERS, in_flight=4)
            for in_flight in (16, 64):
                turns = [
                    asked(running, as_of, requests=2_000, in_flight=in_flight)
                    for _ in range(_ROUNDS)
                ]
                figures[f"slow_store_{in_flight}"] = {
                    key: median(turn[key] for turn in turns) for key in ("p50_ms", "p99_ms")
                }
        figures["workers"] = _workers(replayed, folder, as_of)
        client = a_client(engine)
        give_long_history(client, LONG, now=now)
        client.close()
        with started(ours(engine, folder), core=SERVER_CORE) as running:
            asked(running, as_of, requests=CUSTOMERS, in_flight=4)
            figures["flatness"] = flatness(running, as_of)
    return figures


def _workers(endpoint: str, folder: Path, as_of: str) -> dict[str, float]:
    """CPU time of a prediction with one process and with two, each with 16 in flight.

    All of them are on the server's core, with load and store on the other. So none has a core of its
    own: with two cores, two processes would answer `scale` times what one does, as long as load and
    store keep up.
    """
    found: dict[str, float] = {}
    with ExitStack() as stack:
        running = {
            count: stack.enter_context(
                started(ours(endpoint, folder, workers=count), core=SERVER_CORE)
            )
            for count in (1, 2)
        }
        turns: dict[int, list[float]] = {1: [], 2: []}
        for each in running.values():
            asked(each, as_of, requests=4 * CUSTOMERS, in_flight=32)
        for _ in range(_PAIRS):
            for count in random.sample((1, 2), 2):
                turn = asked(running[count], as_of, requests=3_000, in_flight=16 * count)
                turns[count].append(turn["cpu_ms"])
        for count, cpu_ms in turns.items():
            found[f"cpu_ms_{count}"] = median(cpu_ms)
    pairs = zip(turns[1], turns[2], strict=True)  # side by side: the machine changes by the minute
    found["scale"] = median(2 * one / two for one, two in pairs)
    return found


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=100_000)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure(requests=options.requests)
    table = Table("what", "figure", "value", title="limits of one prediction")
    for what, found in figures.items():
        for name, value in found.items():
            table.add_row(what, name, f"{value:,.3f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
