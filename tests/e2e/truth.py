"""A store that misbehaves as a script says and counts it, and what /metrics says of a command."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any, TypeVar

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.loopback import PLAIN_HTTP
from tests.proxy import HANG_UP, Instead, Request

T = TypeVar("T")
SHARE = 1 / 3
"""Of the calls at stake, how many go wrong; drawn, for a fixed rhythm may always meet the same."""


@dataclass
class Store:
    """What a proxy before the store does: where it misbehaves, a third of the calls goes wrong.

    It counts calls by operation and outcome, and keys left unprocessed, as DynamoDB's client must.
    What the store itself answers is `answered`: a condition that failed is an answer of its own.
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    unprocessed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    misbehaving: bool = False
    _random: Random = field(default_factory=lambda: Random(7))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kinds: "dict[str, Iterator[_Fault]]" = field(default_factory=dict)

    def __call__(self, request: Request) -> Instead | None:
        operation = request.operation.rpartition(".")[2]
        with self._lock:
            if not self.misbehaving or self._random.random() > SHARE:
                self.calls[operation, "answered"] += 1
                return None
            self.faults[operation] += 1
            fault = next(self._kinds.setdefault(operation, cycle(_faults_of(operation))))
            outcome, left, instead = fault(json.loads(request.body))
            self.calls[operation, outcome] += 1
            self.unprocessed += left
            return instead

    def of(self, outcome: str) -> int:
        """Calls with this outcome."""
        return sum(count for (_, each), count in self.calls.items() if each == outcome)


_Fault = Callable[[dict[str, Any]], tuple[str, int, Instead]]


def _faults_of(operation: str) -> list[_Fault]:
    own: dict[str, list[_Fault]] = {
        "TransactWriteItems": [_conflict],
        "BatchGetItem": [_unprocessed],
    }
    return [*own.get(operation, []), _throttled, _silent]


def _error(code: str, **members: object) -> Instead:
    name = f"com.amazonaws.dynamodb.v20120810#{code}"
    return Instead(400, json.dumps({"__type": name, **members}).encode())


def _throttled(_: dict[str, Any]) -> tuple[str, int, Instead]:
    return "throttled", 0, _error("ThrottlingException")


def _silent(_: dict[str, Any]) -> tuple[str, int, Instead]:
    return "silent", 0, HANG_UP


def _conflict(request: dict[str, Any]) -> tuple[str, int, Instead]:
    codes = ["TransactionConflict", *["None"] * (len(request["TransactItems"]) - 1)]
    reasons = [{"Code": code} for code in codes]
    refusal = _error("TransactionCanceledException", CancellationReasons=reasons)
    return "conflict", 0, refusal


def _unprocessed(request: dict[str, Any]) -> tuple[str, int, Instead]:
    left = request["RequestItems"]
    answer = {"Responses": {}, "UnprocessedKeys": left}
    keys = sum(len(each["Keys"]) for each in left.values())
    return "answered", keys, Instead(200, json.dumps(answer).encode())


@dataclass(frozen=True)
class Scraped:
    """What the metrics' port of a command says."""

    port: int

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample by its name and labels."""
        text = httpx.get(
            f"http://127.0.0.1:{self.port}/metrics", verify=PLAIN_HTTP, timeout=60
        ).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def of(self, name: str, **labels: str) -> float:
        """One sample, 0 where there is none."""
        return self.samples().get((name, frozenset(labels.items())), 0.0)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of a name that are not 0, by their one label."""
        return {
            dict(items)[label]: value
            for (each, items), value in self.samples().items()
            if each == name and value
        }

    def store_calls(self) -> Counter[tuple[str, str]]:
        """Calls by operation and outcome."""
        return Counter(
            {
                (labels["operation"], labels["outcome"]): int(value)
                for (name, items), value in self.samples().items()
                if name == "propensity_store_call_duration_seconds_count"
                for labels in [dict(items)]
            }
        )

    def unprocessed(self) -> float:
        """Keys and items that batches left."""
        return sum(self.by("propensity_store_unprocessed_total", "operation").values())

    def answers(self) -> bool:
        """Whether somebody answers there."""
        try:
            return bool(self.samples())
        except httpx.TransportError:
            return False


def becomes(true: Callable[[], bool]) -> bool:
    """Whether it comes to be so."""
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)  # polls another process
    return True


def at_rest(look: Callable[[], T]) -> T:
    """What is seen twice in a row."""
    found, again = look(), look()
    while found != again:
        found, again = again, look()
    return found


def untold_calls(store: Store, scraped: Scraped) -> Counter[tuple[str, str]]:
    """Calls that the store saw and the metrics do not know, or the other way round.

    Not Scans: every second keys are read with one, so that one may be under way at any time.
    """
    calls = Counter(store.calls)
    for (operation, outcome), count in scraped.store_calls().items():
        answered = outcome in {"answered", "condition_failed"}
        calls[operation, "answered" if answered else outcome] -= count
    return Counter({key: count for key, count in calls.items() if count and key[0] != "Scan"})


def labels_of(samples: Iterable[tuple[str, frozenset[tuple[str, str]]]]) -> set[str]:
    """Every value of every label."""
    return {value for _, items in samples for _, value in items}
