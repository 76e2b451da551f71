"""The price of exactness: our recording beside boto3's put_item, without and with a condition.

All sides write the same purchases into tables with the same indexes on the embedded engine, one
call after the other, and take turns in shuffled rounds; only the client's CPU time counts. Plain
put_item overwrites what has the same id, and neither it nor the conditional one keeps recent
purchases or the list of categories. Every purchase is of a new customer, of a category that had
100,000 before. Write units are computed from sizes by AWS's rules.
Run: python -m benchmarks.ingestion_cost
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3  # type: ignore[import-untyped]  # it has no types
from rich.console import Console
from rich.table import Table

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder
from adapters.dynamodb.categories import KnownCategories, hash_of
from adapters.dynamodb.categories.sketch import KEPT
from adapters.dynamodb.schema.attributes import category_shard
from adapters.dynamodb.wire.capacity import item_bytes
from benchmarks.audience_stream import a_client
from benchmarks.processes import embedded_endpoint
from benchmarks.usage import cpu_seconds
from benchmarks.workload import CATEGORY, NOW, SHARDS, WINDOW_DAYS, customer_id, purchases_of
from domain.cost import BYTES_PER_WRITE_UNIT, metered
from domain.purchases import Outcome, Purchase, RecordPurchases
from domain.retention import Retention
from domain.values import Currency, Window, render

CURRENCY = Currency.of("USD")
BEFORE = 100_000
"""Customers of the category before."""
INDEXES = 2
Write = Callable[[Sequence[Purchase]], float]
"""Writes one customer's purchases; returns the write units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Medians over all rounds, per purchase."""

    side: str
    purchases_per_call: int
    purchases_per_second: float
    cpu_ms: float
    write_units: float


def _ours(client: DynamoClient, loop: asyncio.Runner) -> Write:
    record = RecordPurchases(
        recorder=DynamoPurchaseRecorder(
            client,
            clock=lambda: NOW,
            retention=Retention.covering(Window.days(WINDOW_DAYS)),
            shards=SHARDS,
        ),
        clock=lambda: NOW,
        currency=CURRENCY,
    )

    async def recorded(purchases: Sequence[Purchase]) -> None:
        outcomes = await record([_raw(purchase) for purchase in purchases])
        if any(each.outcome is not Outcome.RECORDED for each in outcomes):
            raise RuntimeError("a purchase was not recorded")

    def write(purchases: Sequence[Purchase]) -> float:
        with metered() as cost:
            loop.run(recorded(purchases), context=copy_context())
        return cost.writes.total

    return write


def _put_item(client: DynamoClient, *, conditional: bool) -> Write:
    dynamodb: Any = boto3.client(
        "dynamodb",
        endpoint_url=client.options.endpoint,
        region_name=client.options.region,
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",  # noqa: S106  # the engine takes anything
    )
    condition = {"ConditionExpression": "attribute_not_exists(purchase_id)"} if conditional else {}
    table = client.purchases.Meta.table_name

    def write(purchases: Sequence[Purchase]) -> float:
        units = 0
        for purchase in purchases:
            item = _item(purchase)
            dynamodb.put_item(TableName=table, Item=item, **condition)
            units += (1 + INDEXES) * -(-item_bytes(item) // BYTES_PER_WRITE_UNIT)
        return float(units)

    return write


def _item(purchase: Purchase) -> dict[str, dict[str, str]]:
    texts = {
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
        "category": purchase.category,
        "category_shard": category_shard(purchase.category, purchase.customer_id, SHARDS),
        "fingerprint": purchase.fingerprint,
    }
    numbers = {"purchased_at": purchase.purchased_at, "amount_minor": purchase.amount_minor}
    return {name: {"S": text} for name, text in texts.items()} | {
        name: {"N": str(number)} for name, number in numbers.items()
    }


def _raw(purchase: Purchase) -> dict[str, object]:
    return {
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
        "purchased_at": render(purchase.purchased_at),
        "category": purchase.category,
        "amount_minor": purchase.amount_minor,
        "currency": CURRENCY.code,
    }


def measure(endpoint: str, *, rounds: int, calls: int, each: int) -> list[Figures]:
    """The figures of every side, with so many purchases of one customer per call."""
    client, took = a_client(endpoint), dict[str, list[tuple[float, float, float]]]()
    with asyncio.Runner() as loop:
        loop.run(_list_those_before(client))
        sides = {
            "RecordPurchases": _ours(client, loop),
            "put_item": _put_item(client, conditional=False),
            "put_item with a condition": _put_item(client, conditional=True),
        }
        customer = 1_000_000 * each
        for number in range(rounds + 1):
            for name, write in random.sample(list(sides.items()), len(sides)):
                figures = _one_round(write, customer, calls, each)
                customer += calls
                if number:  # the first round warms up
                    took.setdefault(name, []).append(figures)
    client.close()
    return [_figures(name, each, took[name]) for name in sides]


async def _list_those_before(client: DynamoClient) -> None:
    """The category counts its customers by the smallest of their hashes."""
    smallest = sorted(map(customer_id, range(BEFORE)), key=hash_of)[:KEPT]
    members = {(CATEGORY, customer) for customer in smallest}
    await KnownCategories(client, shards=SHARDS).add(members, client.write_deadline())


def _one_round(write: Write, first: int, calls: int, each: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and write units per purchase."""
    batches = [purchases_of(first + number)[:each] for number in range(calls)]
    cpu, began = cpu_seconds(), time.perf_counter()
    units = sum(map(write, batches))
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    count = calls * each
    return seconds / count, cpu / count, units / count


def _figures(side: str, each: int, took: Sequence[tuple[float, float, float]]) -> Figures:
    seconds, cpu, units = (median(column) for column in zip(*took, strict=True))
    return Figures(
        side=side,
        purchases_per_call=each,
        purchases_per_second=1 / seconds,
        cpu_ms=1e3 * cpu,
        write_units=units,
    )


def main() -> None:
    """Prints the figures of all sides."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a fifth of the work")
    arguments.add_argument("--output", type=Path, help="a file for the figures as JSON")
    options = arguments.parse_args()
    rounds, calls = (3, 15) if options.quick else (5, 60)
    with embedded_endpoint(1) as endpoint:
        found = [
            figures
            for each in (1, 10)
            for figures in measure(endpoint, rounds=rounds, calls=calls, each=each)
        ]
    table = Table("side", "purchases per call", "purchases/s", "CPU ms each", "write units each")
    for one in found:
        table.add_row(
            one.side,
            str(one.purchases_per_call),
            f"{one.purchases_per_second:,.0f}",
            f"{one.cpu_ms:.2f}",
            f"{one.write_units:.2f}",
        )
    Console().print(table)
    if options.output is not None:
        options.output.write_text(json.dumps([asdict(figures) for figures in found]) + "\n")


if __name__ == "__main__":
    main()
