import asyncio
import csv
import json
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from httpx import Response
from litestar.testing import TestClient
from litestar.types import HTTPDisconnectEvent, HTTPScope, Message

from domain.categories import CategorySize, IndexPage
from domain.errors import CorruptRecord, StoreUnavailable
from domain.recent import RecentBatch
from domain.values import Reach
from tests.api.conftest import Http, Shop, app_over
from tests.api.problems import field_of, problem_of
from tests.builders import DAY, NOW, a_category, a_purchase
from tests.logged import lines_of
from tests.loopback import PLAIN_HTTP

URL = "/v1/categories/jewellery/propensities"
NDJSON = {"accept": "application/x-ndjson"}
CSV = {"accept": "text/csv"}
CUSTOMERS = [f"customer-{number:03}" for number in range(120)]
LAST = "customer-002"
"""One of the last shard, which is read after batches of the others were sent."""


def stock(shop: Shop, *customers: str) -> None:
    for number, customer_id in enumerate(customers):
        for age in (1 + number % 40, 90):
            purchase = a_purchase(
                customer_id=customer_id,
                purchase_id=f"purchase-{age}",
                category="jewellery",
                amount_minor=7 * number,
                purchased_at=NOW - age * DAY,
            )
            shop.purchases[customer_id, purchase.purchase_id] = purchase


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    stock(shop, *CUSTOMERS)
    return shop


def lines(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


def rows(response: Response) -> list[list[str]]:
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.text.endswith("\r\n")
    return list(csv.reader(response.text.splitlines()))


def test_the_stream_the_pages_and_the_single_answers_agree_bit_for_bit(http: Http) -> None:
    as_of = "2026-02-27T09:30:00.000001Z"
    single = {
        customer_id: http.get(
            f"/v1/customers/{customer_id}/propensity", params={"as_of": as_of}
        ).json()["probability"]
        for customer_id in CUSTOMERS
    }
    assert len(set(single.values())) > 60
    *members, _ = lines(http.get(URL, params={"as_of": as_of}, headers=NDJSON))
    assert {m["customer_id"]: m["probability"] for m in members} == single
    assert len(members) == len(single)
    _, *cells = rows(http.get(URL, params={"as_of": as_of}, headers=CSV))
    assert {customer_id: float(text) for customer_id, text, _ in cells} == single
    assert len(cells) == len(single)
    for limit in (7, 100, 1_000):
        assert paged(http, as_of, limit) == single


def paged(http: Http, as_of: str, limit: int) -> dict[str, float]:
    found: dict[str, float] = {}
    cursor: dict[str, str] = {}
    while True:
        page = http.get(URL, params={"as_of": as_of, "limit": limit, **cursor}).json()
        for member in page["members"]:
            assert member["customer_id"] not in found
            found[member["customer_id"]] = member["probability"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_the_last_line_is_the_summary_and_says_what_the_stream_came_to(http: Http) -> None:
    *members, last = lines(http.get(URL, headers=NDJSON))
    assert all(member.keys() == {"customer_id", "probability", "arm"} for member in members)
    summary = last["summary"]
    assert summary.pop("expected_buyers") == pytest.approx(sum(m["probability"] for m in members))
    assert summary == {
        "category": "jewellery",
        "as_of": "2026-03-01T12:00:00Z",
        "scored": 120,
        "unread": 0,
        "unlisted_shards": 0,
        "listed": 120,
        "partial": False,
        "complete": True,
        "round_trips": 9,
        "read_units": {"measured": 62.5, "computed": 0.0},
        "write_units": {"measured": 0.0, "computed": 0.0},
        "challenged": 0,
        "models": [{"name": "propensity", "version": 7, "revision": 1, "arm": "champion"}],
        "way": "batch",
        "why": "batch is cheaper: batches cost 120 read units, "
        "a scan of all 1,000,000 customers 244,141",
    }


class ListedShop(Shop):
    """Its category was listed, as it is before the first purchase is written."""

    async def size_of(self, _category: str, /) -> CategorySize | None:
        return a_category(0)


def test_a_category_without_customers_streams_only_its_end() -> None:
    with TestClient(app_over(ListedShop())) as http:
        (last,) = lines(http.get(URL, headers=NDJSON))
        assert (last["summary"]["complete"], last["summary"]["scored"]) == (True, 0)
        assert rows(http.get(URL, headers=CSV)) == [["customer_id", "probability", "arm"]]


def test_a_stream_lists_only_the_probabilities_asked_for(http: Http) -> None:
    *everybody, _ = lines(http.get(URL, headers=NDJSON))
    params = {"min_probability": "0.2", "max_probability": "0.75"}
    *members, last = lines(http.get(URL, params=params, headers=NDJSON))
    assert members == [m for m in everybody if 0.2 <= m["probability"] <= 0.75]
    assert 0 < len(members) < 120
    assert (last["summary"]["listed"], last["summary"]["scored"]) == (len(members), 120)
    assert len(rows(http.get(URL, params=params, headers=CSV))) == 1 + len(members)


def test_who_cannot_be_read_in_time_is_streamed_as_unread(http: Http, shop: Shop) -> None:
    shop.trouble_of[LAST] = StoreUnavailable("throttled")
    params = {"min_probability": "1"}
    *members, last = lines(http.get(URL, params=params, headers=NDJSON))
    assert {"customer_id": LAST, "probability": None, "arm": "champion"} in members
    assert {member["probability"] for member in members} == {None}
    summary = last["summary"]
    assert (summary["partial"], summary["complete"]) == (True, False)
    assert summary["unread"] == len(members)
    assert [LAST, "", "champion"] in rows(http.get(URL, params=params, headers=CSV))


def test_an_error_in_mid_stream_is_the_last_line(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble_of[LAST] = StoreUnavailable("table recent_purchases", transient=False)
    *members, last = lines(http.get(URL, headers=NDJSON))
    assert 0 < len(members) < 120
    assert last.keys() == {"error"}
    assert last["error"]["type"] == "urn:propensity:problem:store-unavailable"
    assert (last["error"]["status"], last["error"]["detail"]) == (503, "table recent_purchases")
    assert "table recent_purchases" in caplog.text


def test_an_error_in_mid_stream_tells_no_internals(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble_of[LAST] = CorruptRecord("row 17 of shard 3")
    *_, last = lines(http.get(URL, headers=NDJSON))
    assert last["error"]["type"] == "urn:propensity:problem:corrupt-record"
    assert "17" not in str(last)
    assert "row 17 of shard 3" in caplog.text


@pytest.mark.parametrize("headers", [NDJSON, CSV])
def test_an_error_before_the_first_row_is_a_problem(
    http: Http, shop: Shop, headers: dict[str, str]
) -> None:
    shop.trouble = StoreUnavailable("no permission", transient=False)
    problem_of(http.get(URL, headers=headers), 503, "store-unavailable")
    shop.live = False
    problem_of(http.get(URL, headers=headers), 503, "no-live-model")


@pytest.mark.parametrize("headers", [{}, NDJSON, CSV])
def test_an_audience_of_which_nothing_can_be_listed_is_a_problem(
    http: Http, shop: Shop, headers: dict[str, str]
) -> None:
    shop.trouble = StoreUnavailable("throttled")
    problem_of(http.get(URL, headers=headers), 503, "store-unavailable")


class PartlyListedShop(ListedShop):
    """Never lists the customers of some shards in time."""

    def __init__(self, unlisted: Sequence[int]) -> None:
        super().__init__()
        self.unlisted = unlisted

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        if shard in self.unlisted:
            raise StoreUnavailable("throttled")
        return await super().page(category, shard=shard, after=after, most=most)


def test_a_stream_that_misses_members_says_so() -> None:
    shop = PartlyListedShop(unlisted=(0, 2))
    stock(shop, *CUSTOMERS)
    with TestClient(app_over(shop)) as http:
        *members, last = lines(http.get(URL, headers=NDJSON))
    assert 0 < len(members) < len(CUSTOMERS)
    summary = last["summary"]
    assert (summary["unlisted_shards"], summary["unread"]) == (2, 0)
    assert (summary["partial"], summary["complete"]) == (True, False)


def test_a_csv_that_would_miss_everybody_is_a_problem() -> None:
    shop = PartlyListedShop(unlisted=(0, 2))
    with TestClient(app_over(shop), raise_server_exceptions=False) as http:
        problem_of(http.get(URL, headers=CSV), 503, "store-unavailable")


@pytest.mark.parametrize(("name", "value"), [("limit", "5"), ("cursor", "abc")])
@pytest.mark.parametrize("headers", [NDJSON, CSV])
def test_a_stream_has_no_pages(http: Http, headers: dict[str, str], name: str, value: str) -> None:
    assert field_of(http.get(URL, params={name: value}, headers=headers)) == name


@pytest.mark.parametrize(
    ("customer_id", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("'=1+1", "''=1+1"),
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ('a,"b"', 'a,"b"'),
        ("a=1", "a=1"),
        ("Zoë", "Zoë"),
    ],
)
def test_a_spreadsheet_runs_no_customer_id(
    http: Http, shop: Shop, customer_id: str, cell: str
) -> None:
    shop.purchases.clear()
    stock(shop, customer_id)
    assert rows(http.get(URL, headers=CSV)) == [
        ["customer_id", "probability", "arm"],
        [cell, "0.0", "champion"],
    ]
    assert lines(http.get(URL, headers=NDJSON))[0]["customer_id"] == customer_id


class StallingShop(Shop):
    """Never answers about LAST; `left` is set once nobody waits for that any more."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def read(
        self, customer_ids: Sequence[str], /, *, columns_for: Reach | None = None
    ) -> RecentBatch:
        if LAST not in customer_ids:
            return await super().read(customer_ids, columns_for=columns_for)
        self.asked.set()
        try:
            return await asyncio.Future()
        finally:
            self.left.set()


def a_scope() -> HTTPScope:
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": URL,
        "raw_path": URL.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"accept", NDJSON["accept"].encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    return scope  # type: ignore[no-any-return]


@pytest.mark.anyio
async def test_a_client_that_leaves_while_rows_are_sent_stops_the_reading() -> None:
    shop = StallingShop()
    stock(shop, *CUSTOMERS)
    sending = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sending.set()
            await asyncio.Future()  # the client takes nothing more

    async def receive() -> HTTPDisconnectEvent:
        await sending.wait()
        await shop.asked.wait()
        return {"type": "http.disconnect"}

    await app_over(shop)(a_scope(), receive, send)
    assert shop.left.is_set()


@pytest.mark.anyio
async def test_a_client_that_leaves_before_the_first_batch_stops_the_reading() -> None:
    shop = StallingShop()
    stock(shop, LAST)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> HTTPDisconnectEvent:
        await shop.asked.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(60):
        await app_over(shop)(a_scope(), receive, send)
    assert shop.left.is_set()
    assert sent[0]["type"] == "http.response.start"
    assert sent[0]["status"] == 499


@pytest.mark.parametrize("way", ["batch", "scan", "by_time"])
def test_a_stream_says_which_way_it_was_read_and_why(http: Http, way: str) -> None:
    lines = http.get(URL, headers=NDJSON, params={"way": way}).text.splitlines()
    summary = json.loads(lines[-1])["summary"]
    assert summary["way"] == way
    assert way in summary["why"]
    assert summary["scored"] == len(CUSTOMERS)


def test_there_are_no_other_ways(http: Http) -> None:
    response = http.get(URL, headers=NDJSON, params={"way": "full"})
    assert response.status_code == 400
    assert {"batch", "scan", "by_time"} <= set(re.findall(r"\w+", response.json()["detail"]))


@pytest.mark.anyio
async def test_a_client_that_leaves_while_the_store_is_read_stops_the_reading() -> None:
    shop = StallingShop()
    stock(shop, *CUSTOMERS)
    chunks: list[bytes] = []
    other_shards_sent = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            chunks.append(message["body"])
        if len(chunks) == shop.shards - 1:
            other_shards_sent.set()

    async def receive() -> HTTPDisconnectEvent:
        await shop.asked.wait()
        await other_shards_sent.wait()
        return {"type": "http.disconnect"}

    await app_over(shop)(a_scope(), receive, send)
    await asyncio.wait_for(shop.left.wait(), 60)
    assert b"summary" not in b"".join(chunks)


@pytest.mark.anyio
async def test_an_unexpected_exception_in_mid_stream_ends_it_and_tells_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble_of[LAST] = RuntimeError("customer-002 lives in Rome")
    body = b""
    ended = asyncio.Event()

    async def send(message: Message) -> None:
        nonlocal body
        if message["type"] == "http.response.body":
            body += message["body"]
            if not message["more_body"]:
                ended.set()

    async def receive() -> HTTPDisconnectEvent:
        await ended.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(60):  # where nobody hands the exception over, this never ends
        await app_over(shop)(a_scope(), receive, send)
    last = json.loads(body.splitlines()[-1])
    assert last["error"]["type"] == "urn:propensity:problem:internal-error"
    assert lines_of(caplog)[-1]["error"] == "RuntimeError"
    assert "Rome" not in body.decode() + caplog.text


@asynccontextmanager
async def client_of(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a real connection to a real server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app_over(shop), log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        host, port = listening.getsockname()
        try:
            async with httpx.AsyncClient(
                base_url=f"http://{host}:{port}", verify=PLAIN_HTTP, timeout=60
            ) as client:
                yield client
        finally:
            server.should_exit = True
            await serving


async def csv_until_cut(shop: Shop) -> bytes:
    received: list[bytes] = []

    async def receive_all(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", URL, headers=CSV) as response:
            assert response.status_code == 200
            async for chunk in response.aiter_raw():
                received.append(chunk)  # noqa: PERF401  # what came before the break counts

    async with client_of(shop) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await receive_all(client)
    return b"".join(received)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("no permission", transient=False), CorruptRecord("row 17")]
)
async def test_a_csv_that_fails_breaks_the_connection(
    shop: Shop, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble_of[LAST] = trouble
    received = await csv_until_cut(shop)
    assert received.startswith(b"customer_id,probability,arm\r\ncustomer-")
    assert "StreamBroken" in caplog.text


@pytest.mark.anyio
async def test_a_csv_that_misses_members_breaks_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = PartlyListedShop(unlisted=(0,))
    stock(shop, *CUSTOMERS)
    received = await csv_until_cut(shop)
    assert received.startswith(b"customer_id,probability,arm\r\ncustomer-")
    assert lines_of(caplog)[0]["reason"].endswith(": 1")


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [NDJSON, CSV])
async def test_a_client_that_leaves_before_the_first_row_stops_the_reading(
    headers: dict[str, str],
) -> None:
    shop = StallingShop()
    stock(shop, *CUSTOMERS)
    nobody = {"min_probability": "1"}
    async with client_of(shop) as client:
        async with client.stream("GET", URL, params=nobody, headers=headers) as response:
            assert response.status_code == 200
            await asyncio.wait_for(shop.asked.wait(), 60)
            assert not shop.left.is_set()
        await asyncio.wait_for(shop.left.wait(), 60)
