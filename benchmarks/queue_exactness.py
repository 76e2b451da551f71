"""Real purchases through the queue with 30 % duplicates, shuffled, the worker killed again and again.

The tables must equal those of a clean import: every history, and every customer's recent
purchases. On the embedded engine. Run: python -m benchmarks.queue_exactness
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.clock import SystemClock
from adapters.complete_journey import CompleteJourneyPurchases
from adapters.dynamodb import (
    DynamoClient,
    DynamoOptions,
    DynamoPurchaseHistory,
    DynamoPurchaseRecorder,
    DynamoPurchaseRefunder,
    DynamoRecentPurchases,
    DynamoTables,
)
from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from adapters.sqs import SqsClient, SqsOptions
from api.process import Settings
from domain.purchases import Purchase, RecordPurchases, RefundPurchase
from domain.recent import RecentHistory
from domain.retention import FOR_EVER, Retention
from domain.values import Currency, Window

QUEUE = "purchases"
SHARDS = 16
VISIBILITY_S = 10
DUPLICATES = 0.3
MOST_PER_MESSAGE = 10
CREDENTIALS = ("benchmark", "benchmark")
RETENTION = Retention.covering(Window.days(Settings().recent_days))
_WORKER = (sys.executable, "-c", "from api.cli.main import main; main()", "worker")
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """An engine with both queues; every deployment on it has a prefix of its own."""

    endpoint: str
    folder: Path

    @property
    def log(self) -> str:
        """What its workers told so far."""
        path = self.folder / "worker.log"
        return path.read_text() if path.exists() else ""

    def client(self, prefix: str) -> DynamoClient:
        """A client of one deployment."""
        options = DynamoOptions(
            endpoint=self.endpoint,
            region="us-east-1",
            table_prefix=prefix,
            credentials=CREDENTIALS,
            read_timeout_s=30.0,
            read_deadline_s=60.0,
            write_deadline_s=60.0,
        )
        return DynamoClient(options)

    def sqs(self) -> SqsClient:
        """A client of the queues."""
        options = SqsOptions(
            endpoint=self.endpoint, region="us-east-1", credentials=CREDENTIALS, threads=8
        )
        return SqsClient(options)

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker that was just started."""
        settings = {
            "DYNAMODB_ENDPOINT": self.endpoint,
            "TABLE_PREFIX": "queue-",
            "QUEUE": QUEUE,
            "QUEUE_VISIBILITY_S": str(VISIBILITY_S),
            "HOME": str(self.folder / "home"),
            "READ_TIMEOUT_S": "20",
            "WRITE_DEADLINE_S": "20",
        }
        mine = {f"PROPENSITY_{name}": value for name, value in settings.items()}
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(_WORKER, stderr=log, env=os.environ | mine)  # noqa: S603  # ours


@contextmanager
def placed() -> Iterator[Place]:
    """An engine with empty tables and queues, while the block runs."""
    with TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder) / "engine", free_port())
        engine.start()
        try:
            place = Place(f"http://{HOST}:{engine.port}", Path(folder))
            for prefix in ("queue-", "clean-"):
                client = place.client(prefix)
                DynamoTables(client).create()
                client.close()
            sqs = place.sqs()
            for name in (QUEUE, f"{QUEUE}-dead-letters"):
                sqs.create(name, visibility_s=VISIBILITY_S)
            sqs.close()
            yield place
        finally:
            engine.stop()


def measure(*, purchases: int, kill_every_s: float, most_kills: int, seed: int) -> dict[str, Any]:
    """What went through, how often the worker was killed, and every difference (there is none).

    Raises:
        RuntimeError: the last worker did not end as it should.
    """
    rows = _sample(purchases)
    with placed() as place:
        sent = asyncio.run(_send(place, rows, random.Random(seed)))  # noqa: S311  # no secret
        began = time.monotonic()
        kills = _work(place, kill_every_s, most_kills)
        seconds = time.monotonic() - began
        differences = asyncio.run(_differences(place, rows))
        letters = waiting_in(place.sqs(), f"{QUEUE}-dead-letters")
    return {
        "purchases": len(rows),
        **sent,
        "kills": kills,
        "seconds": seconds,
        "dead_letters": letters,
        "differences": differences,
    }


def _sample(purchases: int) -> list[dict[str, object]]:
    source = CompleteJourneyPurchases(now=SystemClock()(), households=None)
    found: list[dict[str, object]] = []
    for row in source.rows():
        if row.raw is not None:
            found.append(dict(row.raw))
        if len(found) == purchases:
            break
    return found


def _refunds(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Of every tenth purchase a half, given back when it was bought."""
    return [
        {
            "customer_id": row["customer_id"],
            "purchase_id": row["purchase_id"],
            "refund_id": "half",
            "refunded_at": row["purchased_at"],
            "amount_minor": int(str(row["amount_minor"])) // 2,
            "currency": row["currency"],
        }
        for row in rows[::10]
        if int(str(row["amount_minor"])) > 1
    ]


async def _send(
    place: Place, rows: Sequence[dict[str, object]], chance: random.Random
) -> dict[str, int]:
    refunds = [{"refunded": refund} for refund in _refunds(rows)]
    sent: list[dict[str, object]] = [*rows, *refunds]  # type: ignore[list-item]  # dicts of dicts
    everything = [*sent, *chance.sample(sent, int(DUPLICATES * len(sent)))]
    chance.shuffle(everything)
    bodies: list[str] = []
    while everything:
        count = chance.randint(1, MOST_PER_MESSAGE)
        bodies.append(json.dumps(everything[:count]))
        del everything[:count]
    client = place.sqs()
    queue = client.queue(QUEUE)
    for start in range(0, len(bodies), 64):
        await asyncio.gather(
            *(queue.send(body, reason=None, group=None) for body in bodies[start : start + 64])
        )
    client.close()
    return {"messages": len(bodies)}


def _work(place: Place, kill_every_s: float, most_kills: int) -> int:
    """How many workers were killed, each so long after its first delete, before one emptied the queue."""
    kills, sqs = 0, place.sqs()
    while True:
        before, end = waiting_in(sqs, QUEUE), float("inf")
        worker = place.worker()
        try:
            while worker.poll() is None:
                waiting = waiting_in(sqs, QUEUE)
                if waiting < before:  # it works, so there is something to interrupt
                    end = min(end, time.monotonic() + kill_every_s)
                if waiting == 0:
                    worker.send_signal(signal.SIGTERM)
                    if worker.wait(timeout=60) != 0:
                        raise RuntimeError(place.log[-2_000:])
                    return kills
                if kills < most_kills and time.monotonic() >= end:
                    break
                time.sleep(_POLL_S)
            else:
                raise RuntimeError(place.log[-2_000:])
        finally:
            worker.kill()
            worker.wait()
        kills += 1


def waiting_in(client: SqsClient, name: str) -> int:
    """Messages in a queue, those that a worker holds included."""
    attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = client.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = client.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
    return sum(int(found[attribute]) for attribute in attributes)


async def _differences(place: Place, rows: Sequence[dict[str, object]]) -> int:
    """Customers whose purchases or recent purchases are not those of a clean import."""
    clean, queue = place.client("clean-"), place.client("queue-")
    clock = SystemClock()
    record = RecordPurchases(
        recorder=DynamoPurchaseRecorder(clean, clock=clock, retention=RETENTION, shards=SHARDS),
        clock=clock,
        currency=Currency.of("USD"),
    )
    for start in range(0, len(rows), 2_000):
        await record(rows[start : start + 2_000])
    history = DynamoPurchaseHistory(clean, clock=clock, retention=FOR_EVER)
    refund = RefundPurchase(
        refunder=DynamoPurchaseRefunder(clean, clock=clock, retention=RETENTION),
        history=history,
        clock=clock,
        currency=Currency.of("USD"),
    )
    for each in _refunds(rows):
        await refund(each)
    customers = sorted({str(row["customer_id"]) for row in rows})
    found = 0
    for customer in customers:
        one, other = [await _told(client, customer) for client in (clean, queue)]
        found += one != other
    clean.close()
    queue.close()
    return found


async def _told(client: DynamoClient, customer: str) -> tuple[Sequence[Purchase], object]:
    clock = SystemClock()
    history = DynamoPurchaseHistory(client, clock=clock, retention=FOR_EVER)
    recent = DynamoRecentPurchases(client, clock=clock, retention=RETENTION)
    purchases = await history.between(customer, after=0, until=clock())
    batch = await recent.read([customer])
    return purchases, _comparable(batch.histories[0])


def _comparable(history: RecentHistory) -> object:
    """Of an overflowing day, which purchases stayed in the set depends on their order."""
    kept = [
        purchase
        for purchase in history.purchases
        if purchase.purchased_at // 86_400_000_000 not in history.overflow_days
    ]
    return kept, history.overflow_days, history.lifetime


def main() -> None:
    """Prints the figures; exits with 1 where anything differs."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--purchases", type=int, default=100_000)
    arguments.add_argument("--kill-every-s", type=float, default=5.0)
    arguments.add_argument("--most-kills", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=7)
    options = arguments.parse_args()
    figures = measure(
        purchases=options.purchases,
        kill_every_s=options.kill_every_s,
        most_kills=options.most_kills,
        seed=options.seed,
    )
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(figures["differences"] or figures["dead_letters"])


if __name__ == "__main__":
    main()
