"""What telling who asks costs of one prediction: with a key and without, in turns, in one process.

The application is called as a server calls it, over a store in memory, so that nothing but the
answer's own work stands beside it. Run: python -m benchmarks.access_cost
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import jwt
from rich.console import Console
from rich.table import Table

from domain.keys import Scope
from domain.values import MICROS_PER_SECOND
from tests.api.conftest import PUBLISHABLE, SECRETS, SHOP_ORIGIN, TOKEN_SECRET, Shop, app_over
from tests.builders import NOW, a_purchase

ROUNDS, REQUESTS = 21, 300
TOKEN = jwt.encode(
    {"sub": "customer-1", "aud": "propensity", "exp": NOW // MICROS_PER_SECOND + 600}, TOKEN_SECRET
)
PREDICT = ("GET", "/v1/customers/customer-1/propensity", b"")
DECIDE = (
    "POST",
    "/ofrep/v1/evaluate/flags/promotion-banner",
    b'{"context":{"targetingKey":"customer-1"}}',
)
ASKED: Mapping[str, tuple[tuple[str, str, bytes], Mapping[str, str]]] = {
    "prediction, no key": (PREDICT, {}),
    "prediction, a key": (PREDICT, {"x-api-key": SECRETS[Scope.PREDICT]}),
    "decision, no key": (DECIDE, {}),
    "decision, a publishable key and a customer's token": (
        DECIDE,
        {"x-api-key": PUBLISHABLE, "origin": SHOP_ORIGIN, "authorization": f"Bearer {TOKEN}"},
    ),
}


async def ask(app: Any, asked: tuple[str, str, bytes], headers: Mapping[str, str]) -> None:
    """One request through the application.

    Raises:
        AssertionError: it was not answered with 200.
    """
    method, path, body = asked
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        assert message.get("status", 200) == 200, message  # noqa: S101, PLR2004  # a benchmark's

    await app(scope, receive, send)


async def measure() -> dict[str, float]:
    """Microseconds of CPU per request, of each way of asking; the median of the rounds."""
    shop = Shop()
    purchase = a_purchase()
    shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    app = app_over(shop)
    found: dict[str, list[float]] = {name: [] for name in ASKED}
    for _ in range(ROUNDS):
        for name, (asked, headers) in ASKED.items():
            began = time.process_time()
            for _ in range(REQUESTS):
                await ask(app, asked, headers)
            found[name].append((time.process_time() - began) / REQUESTS * 1e6)
    return {name: median(rounds) for name, rounds in found.items()}


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = asyncio.run(measure())
    table = Table("asked", "us of CPU", title="telling who asks")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.1f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
