"""Simulated visitors of the demo: what a small shop asks, so that there is traffic to look at."""

import http.client
import json
import random
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

from api.cli.demo.surroundings import HOST
from api.cli.output import say
from domain.values import instant

PAUSE_S = 0.5
"""Between two requests: a load that leaves the machine to everybody else."""
CATEGORIES = ("grocery", "produce", "deli", "pastry", "floral", "cosmetics")
REQUESTS = {"prediction": 120, "flags": 60, "purchase": 19, "audience": 1}
"""How often each comes, of 200."""
_TIMEOUT_S = 10.0
_FLAGS = "/ofrep/v1/evaluate/flags"


class Visitors:
    """They look at pages, are shown a banner or not, and buy; now and then a category is listed.

    What they buy is simulated, and named so: `visitor-...`. Where a key is needed they do not come.
    """

    def __init__(
        self, port: int, customers: Sequence[str], *, currency: str, chance: random.Random
    ) -> None:
        self._port = port
        self._customers = customers
        self._currency = currency
        self._chance = chance

    def __call__(self, ended: Callable[[], bool]) -> None:
        """Until it has ended, or a key is needed. At first everybody comes once, five times as fast."""
        waiting = list(self._customers)
        while not ended():
            time.sleep(PAUSE_S / 5 if waiting else PAUSE_S)
            try:
                if waiting:
                    self._look(waiting[-1])
                    waiting.pop()  # once answered
                else:
                    self._visit(self._chance.choice(self._customers))
            except (OSError, http.client.HTTPException):
                continue  # the server starts, is busy or stops
            except _KeyNeeded:
                say("the simulated visitors stay away: the server asks for a key now")
                return

    def _visit(self, customer: str) -> None:
        """One request: mostly of a page, now and then of a checkout or of somebody in marketing."""
        (kind,) = self._chance.choices(list(REQUESTS), list(REQUESTS.values()))
        if kind == "prediction":
            self._look(customer)
        elif kind == "flags":
            self._ask("POST", _FLAGS, {"context": {"targetingKey": customer}})
        elif kind == "purchase":
            self._ask("POST", "/v1/purchases", {"purchases": [self._purchase(customer)]})
        else:
            self._ask("GET", f"/v1/categories/{self._category()}/propensities?limit=20")

    def _look(self, customer: str) -> None:
        self._ask("GET", f"/v1/customers/{customer}/propensity")

    def _category(self) -> str:
        return self._chance.choice(CATEGORIES)

    def _purchase(self, customer: str) -> dict[str, object]:
        now_ns = time.time_ns()
        return {
            "customer_id": customer,
            "purchase_id": f"visitor-{now_ns}",
            "purchased_at": instant.render(now_ns // 1_000),
            "category": self._category(),
            "amount_minor": self._chance.randrange(100, 6_000),
            "currency": self._currency,
        }

    def _ask(self, method: str, path: str, document: object = None) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_TIMEOUT_S)
        body = None if document is None else json.dumps(document)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise _KeyNeeded


class _KeyNeeded(Exception):
    """The store holds a key by now, so nobody is answered without one."""


def is_ready(port: int) -> bool:
    """Whether the server answers by now."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
