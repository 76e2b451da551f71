"""The transport of reads: signed as botocore signs, connections as long as their event loop."""

import asyncio
import datetime as dt
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, NoCredentialsError

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.wire.errors import translated
from adapters.dynamodb.wire.transport import Answer, Exchange, Transport
from domain.errors import StoreUnavailable
from tests.conftest import dynamo_client

SECRET = "secret/+="  # noqa: S105  # of no account
REQUEST = {"TableName": "purchases", "Key": {"customer_id": {"S": "grün 🧺"}}}
UNUSED = "http://127.0.0.1:9"  # the discard port: nobody listens


def no_session() -> aiohttp.ClientSession:
    raise AssertionError("no connection is needed")


def a_transport(
    credentials: Credentials | None, url: str = "https://dynamodb.eu-west-1.amazonaws.com"
) -> Transport:
    return Transport(
        url=url, region="eu-west-1", find_credentials=lambda: credentials, open_session=no_session
    )


async def sent_by(transport: Transport) -> Exchange:
    sent: list[Exchange] = []

    async def note(exchange: Exchange) -> Answer:
        sent.append(exchange)
        return Answer(200, b"{}", None)

    transport.exchange = note
    await transport.send("GetItem", REQUEST)
    return sent[0]


@contextmanager
def at(moment: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "time", moment.timestamp)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None))
    yield


@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.parametrize(
    "url", ["https://dynamodb.eu-west-1.amazonaws.com", "http://127.0.0.1:8001"]
)
def test_a_request_is_signed_as_botocore_signs_it(
    monkeypatch: pytest.MonkeyPatch, url: str, token: str | None
) -> None:
    credentials = Credentials("AKIDEXAMPLE", SECRET, token)
    with at(dt.datetime(2026, 11, 25, 23, 59, 59, tzinfo=dt.UTC), monkeypatch):
        sent = asyncio.run(sent_by(a_transport(credentials, url)))
        unsigned = {
            k: v for k, v in sent.headers.items() if k not in {"authorization", "x-amz-date"}
        }
        unsigned.pop("x-amz-security-token", None)
        request = AWSRequest("POST", url + "/", headers=unsigned, data=sent.body)
        SigV4Auth(credentials, "dynamodb", "eu-west-1").add_auth(request)
    assert sent.headers == {name.lower(): value for name, value in request.headers.items()}


def test_credentials_that_expire_are_renewed_before_they_do() -> None:
    def expiring_in(minutes: int, key: str) -> dict[str, str]:
        expiry = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
        return {
            "access_key": key,
            "secret_key": SECRET,
            "token": "t",
            "expiry_time": expiry.isoformat(),
        }

    credentials: Any = RefreshableCredentials.create_from_metadata(
        expiring_in(1, "OLD"), refresh_using=lambda: expiring_in(60, "NEW"), method="test"
    )
    sent = asyncio.run(sent_by(a_transport(credentials)))
    assert "Credential=NEW/" in sent.headers["authorization"]


def test_without_credentials_nothing_is_sent() -> None:
    with pytest.raises(NoCredentialsError):
        asyncio.run(sent_by(a_transport(None)))


def test_a_client_outlives_event_loops_and_leaves_no_connection_open(client: DynamoClient) -> None:
    async def describe() -> str:
        table = client.recent.Meta.table_name
        answer = await client.transport.send("DescribeTable", {"TableName": table})
        return str(answer["Table"]["TableName"])

    assert [asyncio.run(describe()) for _ in range(3)] == [client.recent.Meta.table_name] * 3
    gc.collect()  # an open connection would warn, and warnings are errors


def test_one_session_serves_requests_side_by_side(client: DynamoClient) -> None:
    opened: list[aiohttp.ClientSession] = []
    transport = client.transport
    open_session = transport._open_session  # noqa: SLF001  # counted

    def counted() -> aiohttp.ClientSession:
        opened.append(open_session())
        return opened[-1]

    transport._open_session = counted  # noqa: SLF001  # as above

    async def many() -> None:
        request = {"TableName": client.recent.Meta.table_name}
        await asyncio.gather(*(transport.send("DescribeTable", request) for _ in range(20)))

    asyncio.run(many())
    assert len(opened) == 1
    assert opened[0].closed


def test_a_store_that_is_not_there_is_unavailable() -> None:
    client = dynamo_client(UNUSED, read_timeout_s=30, read_deadline_s=30)

    async def read() -> object:
        with translated():
            return await client.call_once(client.read_deadline(), "GetItem", REQUEST)

    with pytest.raises(StoreUnavailable, match=f"{UNUSED}.*propensity db start") as refused:
        asyncio.run(read())
    assert refused.value.transient
    client.close()


def test_a_table_that_is_not_there_is_refused_by_name(client: DynamoClient) -> None:
    request = {"TableName": "nowhere", "Key": {"customer_id": {"S": "c"}}}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        asyncio.run(client.transport.send("GetItem", request))
