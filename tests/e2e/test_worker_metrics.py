"""What /metrics says of a worker, and of a long command, is what happened."""

import asyncio
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from api.composition import queues
from api.process import Settings
from tests.builders import raw_purchase
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY
from tests.e2e.truth import Scraped, Store, at_rest, becomes, labels_of, untold_calls
from tests.proxy import Instead, Request, proxy

pytestmark = [pytest.mark.engine, pytest.mark.full]
GOOD = [
    raw_purchase(customer_id=f"canary-{number % 7}", purchase_id=f"canary-{number}")
    for number in range(30)
]
REFUSED = [
    GOOD[0] | {"amount_minor": 7},
    GOOD[1] | {"purchase_id": "canary-new", "amount_minor": -1},
    "{",
]
AGAIN = [*GOOD[:5], {"cancelled": {"customer_id": "canary-2", "purchase_id": "canary-2"}}]


@contextmanager
def running(
    home: Path, environment: Mapping[str, str], *words: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Scraped]]:
    """A command with its metrics; it is stopped at the end, and ends well."""
    scraped = Scraped(free_port())
    environment = {**environment, "PROPENSITY_METRICS_PORT": str(scraped.port)}
    with subprocess.Popen([PROPENSITY, *words], cwd=home, env=environment) as process:
        try:
            assert becomes(scraped.answers)
            yield process, scraped
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    assert code == 0


def settings_of(engine: EmbeddedEngine) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if "PROPENSITY_" not in name}
    endpoint = f"http://127.0.0.1:{engine.port}"
    return ours | {
        "PROPENSITY_DYNAMODB_ENDPOINT": endpoint,
        "PROPENSITY_QUEUE_ENDPOINT": endpoint,
        "PROPENSITY_QUEUE": f"test-{uuid.uuid4().hex}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
        "PROPENSITY_READ_DEADLINE_S": "60",
        "PROPENSITY_WRITE_DEADLINE_S": "60",
        "PROPENSITY_READ_TIMEOUT_S": "20",
        "PROPENSITY_CONNECT_TIMEOUT_S": "20",
    }


def prepared(home: Path, environment: Mapping[str, str], *commands: str) -> None:
    for command in commands:
        words = [PROPENSITY, *command.split()]
        subprocess.run(words, cwd=home, env=environment, check=True, capture_output=True)


def send(environment: Mapping[str, str], *documents: object) -> None:
    settings = Settings(
        dynamodb_endpoint=environment["PROPENSITY_QUEUE_ENDPOINT"],
        queue=environment["PROPENSITY_QUEUE"],
    )

    async def all_of_them() -> None:
        with queues(settings) as client:
            to = client.queue(settings.queue)
            for each in documents:
                body = each if isinstance(each, str) else json.dumps(each)
                await to.send(body, reason=None, group=None)

    asyncio.run(all_of_them())


def test_counters_of_a_worker_are_what_happened(tmp_path: Path, engine: EmbeddedEngine) -> None:
    environment, store = settings_of(engine), Store()
    prepared(tmp_path, environment, "tables create", "worker create")
    with proxy(engine.port, store) as address:
        environment["PROPENSITY_DYNAMODB_ENDPOINT"] = address
        with running(tmp_path, environment, "worker") as (_, scraped):

            def done() -> float:
                return sum(scraped.by("propensity_queue_messages_taken_total", "outcome").values())

            untold = at_rest(lambda: untold_calls(store, scraped))
            store.misbehaving = True
            send(environment, *GOOD)
            assert becomes(lambda: done() == len(GOOD))
            send(environment, *AGAIN, *REFUSED)
            total = len(GOOD) + len(AGAIN) + len(REFUSED)
            assert becomes(lambda: done() == total)
            store.misbehaving = False

            assert min(store.of(each) for each in ("throttled", "silent", "conflict")) > 0
            assert becomes(lambda: untold_calls(store, scraped) == untold)
            assert scraped.of("propensity_store_retries_total") == store.faults.total()
            assert scraped.by("propensity_queue_messages_taken_total", "outcome") == {
                "done": len(GOOD) + len(AGAIN),
                "refused": len(REFUSED),
            }
            assert scraped.by("propensity_purchases_total", "outcome") == {
                "recorded": len(GOOD),
                "duplicate": 5,
                "cancelled": 1,
                "conflict": 1,
                "rejected": 2,
            }
            assert scraped.of("propensity_queue_message_age_seconds_count") == total
            assert becomes(lambda: scraped.of("propensity_process_resident_memory_bytes") > 0)
            assert not [each for each in labels_of(scraped.samples()) if "canary" in each.lower()]
        with running(tmp_path, environment, "worker") as (_, scraped):  # which asks as it begins
            assert becomes(lambda: scraped.of("propensity_queue_dead_letters") == len(REFUSED))
            assert scraped.of("propensity_queue_messages", state="visible") == 0


class Held:
    """The store reads so many customers' purchases; the following reads wait until `go_on`."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.go_on = Event()

    def __call__(self, request: Request) -> Instead | None:
        if request.operation.endswith(".Query") and b"by_time" in request.body:
            self.left -= 1
            if self.left < 0:
                assert self.go_on.wait(60)
        return None


def test_a_long_command_says_how_far_it_is(tmp_path: Path, engine: EmbeddedEngine) -> None:
    environment, customers = settings_of(engine), 60
    rows = [raw_purchase(customer_id=f"canary-{number}") for number in range(customers)]
    (tmp_path / "rows.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepared(tmp_path, environment, "tables create", "import rows.ndjson")
    store = Held(after=customers // 2)
    with proxy(engine.port, store) as address:
        environment["PROPENSITY_DYNAMODB_ENDPOINT"] = address
        with running(tmp_path, environment, "rebuild") as (process, scraped):
            assert becomes(lambda: store.left < 0)
            done = at_rest(lambda: scraped.of("propensity_rebuild_customers_total"))
            assert 0 < done <= customers // 2
            assert scraped.store_calls()["Query", "answered"] > 0
            store.go_on.set()
            assert process.wait(60) == 0
