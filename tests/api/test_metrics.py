"""Whatever clients send, the series are those of the code: bounded, and without a word of theirs."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from prometheus_client import CollectorRegistry

from api.composition.metrics import Metrics
from tests.api.conftest import EVERYTHING, Http, Shop, app_over
from tests.builders import raw_purchase
from tests.profiles import examples

METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "OTHER"}
STATUSES = {str(int(status)) for status in HTTPStatus} | {"499"}
MARK = "canary"
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40).map(
    lambda text: MARK + text
)
"""What a client may put anywhere; the mark makes it known wherever it comes out."""


def asked(http: Http, word: str) -> None:
    """Every kind of request, with the word wherever there is room for one."""
    part, text = quote(word, safe=""), word
    for path in (
        f"/{part}",
        f"/v1/{part}/{part}",
        f"/v1/customers/{part}/propensity",
        f"/v1/customers/{part}/propensity?model={part}&category={part}&as_of={part}&{part}=1",
        f"/v1/categories/{part}/propensities?cursor={part}",
        f"/v1/models/{part}/status",
        f"/v1/models/{part}/versions/{part}",
        f"//{part}//",
    ):
        http.get(path)
    http.request("GET", "/v1/customers/c1/propensity", headers={"x-api-key": part})
    http.post("/v1/purchases", json={"purchases": [raw_purchase(customer_id=text, category=text)]})
    http.post("/v1/purchases", json=[text, {text: text}])
    http.post(
        "/v1/purchases",
        content=f"{json.dumps(raw_purchase(purchase_id=text))}\n{part}\n",
        headers={"content-type": "application/x-ndjson"},
    )
    http.post(f"/ofrep/v1/evaluate/flags/{part}", json={"context": {"targetingKey": text}})
    http.post("/v1/refunds", json={"customer_id": text, "purchase_id": text})
    http.request(f"X{part.encode().hex()}", f"/v1/models/{part}")


def series(registry: CollectorRegistry) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {
        (sample.name, frozenset(sample.labels.items()))
        for family in registry.collect()
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Http, CollectorRegistry, set[str]]]:
    """An application that is asked the plainest things once, its metrics and its routes."""
    metrics = Metrics({})
    app = app_over(Shop(), metrics=metrics)
    with TestClient(app, raise_server_exceptions=False) as http:
        http.headers.update(EVERYTHING)
        yield http, metrics.registry, {route.path_format for route in app.routes} | {"(none)"}


def without_status(found: set[tuple[str, frozenset[tuple[str, str]]]]) -> set[object]:
    """The same whatever a refusal's number is."""
    return {
        (name, frozenset(item for item in labels if item[0] not in {"status", "le"}))
        for name, labels in found
    }


@settings(max_examples=examples(40))
@given(word=WORDS)
def test_no_word_of_a_client_makes_a_series(
    watched: tuple[Http, CollectorRegistry, set[str]], word: str
) -> None:
    http, registry, routes = watched
    asked(http, MARK)
    before = without_status(series(registry))
    asked(http, word)
    found = series(registry)
    assert without_status(found) == before
    labels = [item for _, items in found for item in items]
    assert {value for name, value in labels if name == "method"} <= METHODS
    assert {value for name, value in labels if name == "route"} <= routes
    assert {value for name, value in labels if name == "status"} <= STATUSES
    assert not [value for _, value in labels if MARK in value.lower()]
