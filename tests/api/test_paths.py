"""Every mutation of every path: the act is the same, or nothing is done.

Clients and proxies resolve dots, add slashes and change case. What cannot be undone must not be
reached by the path of something else.
"""

import asyncio
import json
import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from tests.api.conftest import EVERYTHING, Http, Shop, app_over

FOR_GOOD = {"eraseCustomer", "cancelPurchase", "refundPurchase", "revokeKey"}
NOBODY: dict[str, str] = {}
SOMEBODY = {"customer_id": "customer-1"}
BODIES = (NOBODY, SOMEBODY, SOMEBODY | {"purchase_id": "purchase-1"})
DOTS = (".", "..", "%2e", "%2E%2e", ".%2e", "..;", "...", "%2e%2e%2f", "..%2f..")


def operations(http: Http) -> Iterator[tuple[str, str, str]]:
    """Operation, method and path, with an id in each place of one."""
    for path, of in http.get("/docs/openapi.json").json()["paths"].items():
        concrete = path.replace("{version}", "1").replace("{key_id}", "000000000abc")
        for name in ("customer_id", "category", "name"):
            concrete = concrete.replace(f"{{{name}}}", "customer-1")
        for method, operation in of.items():
            yield operation["operationId"], method.upper(), concrete


def mutations(path: str) -> Iterator[str]:
    """What becomes of a path on its way: each thing at each place."""
    segments = path.split("/")[1:]
    yield from (path + "/", path + "//", "/" + path, path.upper(), path.title(), path + "%20")
    yield from (path + "/.", path + "%2f", path + ";a=b", path + "%00", path + "?", path + "/%2e")
    for place in range(len(segments) + 1):
        for dots in (*DOTS, ""):
            yield "/" + "/".join([*segments[:place], dots, *segments[place:]])
            if place < len(segments):
                yield "/" + "/".join([*segments[:place], dots, *segments[place + 1 :]])


def resolved(path: str) -> Iterator[str]:
    """As a client or a proxy may send it on: dots resolved, before or after decoding."""
    for text in (path, unquote(path)):
        normal = posixpath.normpath(text)
        yield from (normal, normal + "/")


def act(app: Any, method: str, path: str, body: object) -> tuple[int, str | None]:
    """The status, and the operation that answered; None: none did."""
    sent: list[dict[str, Any]] = []
    raw_path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"shop"),
            (b"content-type", b"application/json"),
            *((name.encode(), value.encode()) for name, value in EVERYTHING.items()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    handler = scope.get("route_handler")
    status = next(each["status"] for each in sent if each["type"] == "http.response.start")
    return status, getattr(handler, "operation_id", None) if status < 400 else None


def test_the_walk_sees_which_act_is_done(shop: Shop) -> None:
    app = app_over(shop)
    for operation, method, path, body in (
        ("eraseCustomer", "POST", "/v1/erasures", BODIES[1]),
        ("cancelPurchase", "POST", "/v1/cancellations", BODIES[2]),
        ("eraseCustomer", "POST", "/v1/erasures/", BODIES[1]),
        ("getPropensity", "GET", "/v1/customers/customer-1/propensity", BODIES[0]),
    ):
        assert act(app, method, path, body)[1] == operation


@pytest.mark.full
def test_no_mutation_of_a_path_does_another_act(http: Http, shop: Shop) -> None:
    app = app_over(shop)
    tried = 0
    for operation, method, path in operations(http):
        for mutated in mutations(path):
            for body in BODIES:
                status, done = act(app, method, mutated, body)
                tried += 1
                assert done in {None, operation} or method == "GET", (method, mutated, status, done)
                assert done not in FOR_GOOD or done == operation
    assert tried > 1_000


@pytest.mark.full
def test_a_path_that_is_resolved_on_its_way_does_nothing_for_good(http: Http, shop: Shop) -> None:
    app = app_over(shop)
    for operation, method, path in operations(http):
        for mutated in mutations(path):
            for arriving in resolved(mutated):
                for every in {method, "DELETE"}:
                    done = act(app, every, arriving, BODIES[2])[1]
                    assert done not in FOR_GOOD or done == operation, (every, mutated, arriving)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/customer-1/purchases/..",
        "/v1/customers/customer-1/purchases/%2e%2e",
        "/v1/customers/customer-1/",
        "/v1/customers/customer-1",
        "/v1/customers/customer-1/purchases/purchase-1",
        "/v1/customers/..",
    ],
)
def test_nothing_is_deleted_by_a_path(http: Http, path: str) -> None:
    assert http.request("DELETE", path).status_code in {404, 405}
