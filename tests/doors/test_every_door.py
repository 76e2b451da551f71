"""One purchase through every door, in any form that a door takes: the same outcome and the same item."""

import asyncio
import csv
import gzip
import io
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient
from pyarrow import parquet

from adapters.purchase_files import FileOptions
from api.entry.lambda_handler import failures, whole
from api.intake import items_of
from api.intake.messages import RECORDED, REFUNDED
from api.queue import Consume
from domain.purchases import DAMAGE, RowKind
from tests.api.conftest import Shop, app_over
from tests.builders import NOW, take_in
from tests.doors.files import CASES, PLAIN, Imported, imported
from tests.doubles.memory import MemoryQueue
from tests.doubles.store import ReferenceStore
from tests.profiles import examples
from tests.strategies import texts

Raw = dict[str, object]


@dataclass(frozen=True)
class Came:
    """What became of it at one door, and all that is stored then."""

    outcome: str
    field: str | None
    reason: str | None
    stored: str


def came(store: ReferenceStore, outcome: str, field: object, reason: object) -> Came:
    stored = repr((sorted(store.purchases.items()), sorted(store.waiting.items())))
    if outcome in {"rejected", "conflict"}:
        return Came(outcome, str(field), str(reason), stored)
    return Came(outcome, None, None, stored)


def a_store() -> ReferenceStore:
    return ReferenceStore(clock=lambda: NOW)


def by_message(body: str) -> Came:
    store = a_store()
    service = take_in(store, canceller=store, refunder=store, history=store)
    (outcome,) = asyncio.run(service(items_of(body)))
    return came(store, outcome.outcome, outcome.field, outcome.reason)


def by_file(name: str, content: bytes, kind: RowKind = RowKind.PURCHASE) -> Came:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        done = imported(path, PLAIN, options=FileOptions(kind=kind), into=Imported(store=a_store()))
    (outcome,) = done.counts
    told = done.refused[0] if done.refused else None
    return came(done.store, outcome, told and told.field, told and told.reason)


class Served:
    """One application for all examples; its shop is empty before each call."""

    shop = Shop()
    http: TestClient[Litestar]


@pytest.fixture(scope="module", autouse=True)
def served() -> Iterator[None]:
    with TestClient(app_over(Served.shop)) as Served.http:
        yield


def by_http(path: str, content: bytes, media_type: str) -> Came:
    shop = Served.shop
    shop.purchases.clear()
    shop.waiting.clear()
    answer = Served.http.post(path, content=content, headers={"Content-Type": media_type})
    if path == "/v1/refunds":
        return of_refund(shop, answer)
    if "ndjson" in media_type:
        outcome = json.loads(answer.text.splitlines()[0])
    else:
        (outcome,) = answer.json()["outcomes"]
    return came(shop, outcome["outcome"], outcome["field"], outcome["reason"])


def of_refund(shop: Shop, answer: Any) -> Came:
    if answer.status_code == HTTPStatus.OK:
        assert answer.json()["outcome"] == "waiting"  # which the other doors call recorded
        return came(shop, "recorded", None, None)
    (error,) = answer.json()["errors"]
    return came(shop, "rejected", error["field"], error["reason"])


def delimited(raw: Raw, delimiter: str, encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(name.title().replace("_", " ") for name in raw)
    writer.writerow(raw.values())
    return text.getvalue().encode(encoding)


def columns(raw: Raw) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table({name: [value] for name, value in raw.items()}), sink)
    return sink.getvalue()


def line(raw: object) -> str:
    return json.dumps(raw)


def event(raw: Raw, kind: str) -> Raw:
    return {"specversion": "1.0", "id": "1", "source": "shop", "type": kind, "data": raw}


def bus(raw: Raw, kind: str) -> Raw:
    return {"detail-type": kind, "source": "shop", "detail": raw}


def notification(raw: object) -> Raw:
    return {"Type": "Notification", "Message": line(raw)}


def kinesis(raw: object) -> Raw:
    data = {"kinesisSchemaVersion": "1.0", "data": b64encode(line(raw).encode()).decode()}
    return {"Records": [{"eventSource": "aws:kinesis", "kinesis": data}]}


PURCHASE_DOORS: dict[str, Callable[[Raw], Came]] = {
    "csv": lambda raw: by_file("p.csv", delimited(raw, ",")),
    "semicolons": lambda raw: by_file("p.csv", delimited(raw, ";")),
    "tabs, utf-16, gz": lambda raw: by_file(
        "p.tsv.gz", gzip.compress(delimited(raw, "\t", "utf-16"))
    ),
    "ndjson": lambda raw: by_file("p.ndjson", b"\xef\xbb\xbf" + line(raw).encode()),
    "array": lambda raw: by_file("p.json", json.dumps([raw], indent=1).encode()),
    "parquet": lambda raw: by_file("p.parquet", columns(raw)),
    "message": lambda raw: by_message(line(raw)),
    "event": lambda raw: by_message(line(event(raw, RECORDED))),
    "event bus": lambda raw: by_message(line(bus(raw, RECORDED))),
    "notification": lambda raw: by_message(line(notification(event(raw, RECORDED)))),
    "kinesis": lambda raw: by_message(line(kinesis(raw))),
    "http": lambda raw: by_http(
        "/v1/purchases", line({"purchases": [raw]}).encode(), "application/json"
    ),
    "http, event bus": lambda raw: by_http(
        "/v1/purchases", line(bus(raw, RECORDED)).encode(), "application/json"
    ),
    "http stream": lambda raw: by_http("/v1/purchases", line(raw).encode(), "application/x-ndjson"),
    "http event": lambda raw: by_http(
        "/v1/purchases", line(event(raw, RECORDED)).encode(), "application/cloudevents+json"
    ),
}
REFUND_DOORS: dict[str, Callable[[Raw], Came]] = {
    "csv": lambda raw: by_file("r.csv", delimited(raw, ","), RowKind.REFUND),
    "parquet": lambda raw: by_file("r.parquet", columns(raw), RowKind.REFUND),
    "ndjson": lambda raw: by_file("r.ndjson", line({"refunded": raw}).encode()),
    "message": lambda raw: by_message(line({"refunded": raw})),
    "event": lambda raw: by_message(line(event(raw, REFUNDED))),
    "event bus": lambda raw: by_message(line(bus(raw, REFUNDED))),
    "http": lambda raw: by_http("/v1/refunds", line(raw).encode(), "application/json"),
}

names = st.one_of(
    texts(30),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
    st.sampled_from(
        ["nan", "123.0", "1.2E+9", "#REF!", ".", "..", "1e5", "00042", " a", "cafe\u0301"]
    ),
    *(st.from_regex(pattern, fullmatch=True) for pattern in DAMAGE),
).filter(lambda text: text.strip("\r\n") == text)
instants = st.sampled_from(
    [
        *("2026-02-01T10:00:00Z", "2026-02-01 10:00:00 +0000", "2026-02-01T05:00:00-0500"),
        *("2026-02-01 10:00 UTC", "2026-02-01T10:00:00.123456789Z", "2026-02-01T10:00:00"),
        *("2026-02-01", "2026-02-30T10:00:00Z", "2027-01-01T00:00:00Z", "1999-01-01T00:00:00Z"),
        *("2026-02-01T24:00:00Z", "2026-02-01T10:00:60Z", "yesterday"),
    ]
)
amounts = st.one_of(st.integers(0, 10**6), st.integers(10**12 - 1, 10**13))
purchases = st.fixed_dictionaries(
    {
        "customer_id": names,
        "purchase_id": names,
        "purchased_at": instants,
        "category": names,
        "amount_minor": amounts,
        "currency": st.sampled_from(["USD", "USD", "USD", "EUR", "usd"]),
    }
)
refunds = st.fixed_dictionaries(
    {
        "customer_id": names,
        "purchase_id": names,
        "refund_id": names,
        "refunded_at": instants,
        "amount_minor": st.integers(1, 10**13),
        "currency": st.sampled_from(["USD", "USD", "EUR"]),
    }
)


@given(raw=purchases)
@settings(max_examples=examples(100))
def test_a_purchase_comes_to_the_same_through_every_door(raw: Raw) -> None:
    first, *others = [(name, door(raw)) for name, door in PURCHASE_DOORS.items()]
    for name, found in others:
        assert found == first[1], name


@given(raw=refunds)
@settings(max_examples=examples(100))
def test_a_refund_comes_to_the_same_through_every_door(raw: Raw) -> None:
    first, *others = [(name, door(raw)) for name, door in REFUND_DOORS.items()]
    for name, found in others:
        assert found == first[1], name


def test_a_name_given_twice_is_refused_at_every_door() -> None:
    twice = (CASES / "duplicate_names.ndjson").read_text().strip()
    found = [
        by_file("p.ndjson", twice.encode()),
        by_file("p.json", f"[{twice}]".encode()),
        by_message(twice),
        by_message('{"Type": "Notification", "Message": ' + json.dumps(twice) + "}"),
        by_http("/v1/purchases", twice.encode(), "application/x-ndjson"),
    ]
    assert {each.outcome for each in found} == {"rejected"}
    assert all("twice" in str(each.reason) for each in found)
    for body in (twice, f'{{"purchases": [{twice}]}}'):
        headers = {"Content-Type": "application/json"}
        answer = Served.http.post("/v1/purchases", content=body, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "customer_id")


EVENT = json.loads((CASES / "eventbridge.json").read_text()) | {"time": "2026-02-01T10:00:05Z"}
EVENT["detail"] = EVENT["detail"] | {"purchased_at": "2026-02-01T10:00:00Z"}


def test_an_event_of_eventbridge_is_taken_at_the_queue_over_http_and_by_lambda() -> None:
    found = [
        by_message(line(EVENT)),
        by_http("/v1/purchases", line(EVENT).encode(), "application/json"),
        by_http("/v1/purchases", line(EVENT).encode(), "application/x-ndjson"),
    ]
    assert {each.outcome for each in found} == {"recorded"}
    assert len({each.stored for each in found}) == 1
    store = a_store()
    consume = Consume(take_in=take_in(store), dead_letters=MemoryQueue())
    assert asyncio.run(whole(consume, EVENT))
    record = {"receiptHandle": "r", "messageId": "m", "body": line(EVENT), "eventSource": "aws:sqs"}
    assert asyncio.run(failures(consume, [record])) == []
    assert list(store.purchases) == [("c-1", "p-1")]


@pytest.mark.parametrize("event", [{"order": {"email": "ann@example.org"}}, {"Records": [7]}, {}])
def test_an_event_of_no_known_form_is_a_dead_letter_with_its_structure(event: Raw) -> None:
    letters = MemoryQueue()
    consume = Consume(take_in=take_in(a_store()), dead_letters=letters)
    assert asyncio.run(whole(consume, event))
    (letter,) = asyncio.run(letters.receive(wait_s=0, visibility_s=0))
    assert letter.reason is not None
    assert "ann" not in letter.reason
