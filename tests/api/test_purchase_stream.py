"""Purchases as NDJSON and as CloudEvents: one outcome each, however they come."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake import Line, lines_of
from api.intake.lines import MOST_LINE_BYTES
from domain.errors import StoreUnavailable
from tests.api.conftest import Http, Shop
from tests.api.problems import field_of, problem_of
from tests.builders import a_purchase, raw_of

URL = "/v1/purchases"
NDJSON = {"content-type": "application/x-ndjson"}


def purchase(number: int, customer: str = "customer-1") -> dict[str, object]:
    return raw_of(a_purchase(customer_id=customer, purchase_id=f"p{number}"))


def streamed(http: Http, body: str | bytes) -> list[Any]:
    response = http.post(URL, content=body, headers=NDJSON)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def test_every_line_has_its_outcome_in_order(http: Http) -> None:
    lines = [
        json.dumps(purchase(1)),
        json.dumps(purchase(1)),
        "",
        "{",
        json.dumps(purchase(2) | {"amount_minor": 1.5}),
        json.dumps(purchase(1) | {"amount_minor": 7}),
        json.dumps({"cancelled": {"customer_id": "customer-1", "purchase_id": "p9"}}),
        json.dumps([purchase(3), purchase(4)]),
    ]
    *outcomes, last = streamed(http, "\n".join(lines))
    assert [(each["position"], each["outcome"]) for each in outcomes] == [
        (0, "recorded"),
        (1, "duplicate"),
        (3, "rejected"),
        (4, "rejected"),
        (5, "conflict"),
        (6, "cancelled"),
        (7, "rejected"),
    ]
    assert "JSON" in outcomes[2]["reason"]
    assert outcomes[3]["field"] == "amount_minor"
    assert outcomes[6]["field"]
    summary = last["summary"]
    assert summary.pop("cost")["round_trips"] > 0
    assert summary == {
        "lines": 7,
        "recorded": 1,
        "duplicate": 1,
        "conflict": 1,
        "cancelled": 1,
        "erased": 0,
        "rejected": 3,
        "unanswered": 0,
        "complete": True,
    }


def test_any_number_of_lines_is_taken(http: Http, shop: Shop) -> None:
    body = "".join(json.dumps(purchase(n, f"c{n % 7}")) + "\r\n" for n in range(2_350))
    *outcomes, last = streamed(http, body)
    assert [each["position"] for each in outcomes] == list(range(2_350))
    assert {each["outcome"] for each in outcomes} == {"recorded"}
    assert (last["summary"]["lines"], len(shop.purchases)) == (2_350, 2_350)


def test_what_the_store_leaves_unanswered_is_unknown_and_said_so(http: Http, shop: Shop) -> None:
    shop.trouble = StoreUnavailable("no answer")
    cancellation = {"cancelled": {"customer_id": "c", "purchase_id": "p"}}
    body = "\n".join(map(json.dumps, [purchase(1), cancellation]))
    *outcomes, last = streamed(http, body)
    assert [each["outcome"] for each in outcomes] == [None, None]
    assert outcomes[0]["reason"]
    assert (last["summary"]["unanswered"], last["summary"]["complete"]) == (2, False)


def test_an_unexpected_error_ends_the_stream_and_says_so(http: Http, shop: Shop) -> None:
    shop.trouble = KeyError("customer-1")
    (last,) = streamed(http, json.dumps(purchase(1)))
    assert last["error"]["status"] == 500
    assert "customer-1" not in json.dumps(last)


@given(
    st.lists(st.binary(max_size=8).map(lambda part: part.replace(b"\n", b"")), max_size=8),
    st.lists(st.integers(0, 20), max_size=6),
)
def test_lines_are_the_same_however_the_body_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    body = b"\n".join(lines)
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    chunks = [body[a:b] for a, b in pairwise(edges)] or [body]
    expected = [Line(n, line) for n, line in enumerate(lines) if line.strip()]
    assert asyncio.run(collected(chunks)) == expected


async def collected(chunks: list[bytes]) -> list[Line]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in lines_of(stream())]


def test_a_line_that_is_too_long_is_told_and_hides_no_other() -> None:
    long = [b"x" * 60_000] * 3
    assert MOST_LINE_BYTES < 180_000
    found = asyncio.run(collected([b"a\n", *long, b"\nb\n", *long]))
    assert found == [Line(0, b"a"), Line(1, None), Line(2, b"b"), Line(3, None)]


def event(number: int, **changes: object) -> dict[str, object]:
    plain = {"specversion": "1.0", "id": str(number), "source": "shop"}
    return plain | {"type": "propensity.purchase.recorded", "data": purchase(number)} | changes


def test_cloud_events_are_taken_one_by_one_and_in_batches(http: Http) -> None:
    one = http.post(URL, json=event(1), headers={"content-type": "application/cloudevents+json"})
    assert (one.status_code, one.json()["recorded"]) == (200, 1)
    ids = {"customer_id": "customer-1", "purchase_id": "p1"}
    many = http.post(
        URL,
        json=[
            event(1),
            event(2),
            event(3, type="x"),
            event(4, type="propensity.purchase.cancelled", data=ids),
        ],
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert many.status_code == 207
    report = many.json()
    assert [each["outcome"] for each in report["outcomes"]] == [
        "duplicate",
        "recorded",
        "rejected",
        "cancelled",
    ]
    assert [each["position"] for each in report["outcomes"]] == [0, 1, 2, 3]
    assert report["outcomes"][2]["field"] == "type"


def test_cloud_events_that_the_store_leaves_are_a_problem_with_what_is_known(
    http: Http, shop: Shop
) -> None:
    shop.trouble_of = {"customer-2": StoreUnavailable("no answer")}
    events = [event(1), event(2, data=purchase(2, "customer-2"))]
    answer = http.post(
        URL, json=events, headers={"content-type": "application/cloudevents-batch+json"}
    )
    problem = problem_of(answer, 503, "partly-recorded")
    assert [each and each["outcome"] for each in problem["outcomes"]] == ["recorded", None]


@pytest.mark.parametrize("kind", ["cloudevents", "cloudevents-batch"])
def test_too_large_a_body_of_events_is_refused(http: Http, kind: str) -> None:
    headers = {"content-type": f"application/{kind}+json"}
    problem_of(http.post(URL, content=b" " * 1_000_001, headers=headers), 413, "content-too-large")
    many = http.post(URL, content=json.dumps([7] * 1_001), headers=headers)
    if kind == "cloudevents":
        assert field_of(many) == "body"
    else:
        problem_of(many, 413, "content-too-large")


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_an_outcome_is_one_line_for_every_reader_of_lines(http: Http, separator: str) -> None:
    damaged = purchase(1) | {"purchase_id": separator}
    outcome, _ = streamed(http, json.dumps(damaged))
    assert (outcome["outcome"], outcome["purchase_id"]) == ("rejected", separator)
