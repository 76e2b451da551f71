"""Faults injected where requests are sent: the wire misbehaves, everything above is the real thing.

A fault is a function from the request about to be sent to a response (the request is never
sent), or None (it is sent as the fault left it); it may also raise.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.wire.transport import Answer, Exchange

Fault = Callable[[AWSPreparedRequest], AWSResponse | None]


class _Body:
    """A response body that was read already."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def answer(document: dict[str, Any], status: int = 200) -> AWSResponse:
    """DynamoDB's answer with this body."""
    return raw_answer(json.dumps(document).encode(), status)


def raw_answer(content: bytes, status: int = 200, **headers: str) -> AWSResponse:
    """An answer with these bytes, JSON or not."""
    headers = {"Content-Type": "application/x-amz-json-1.0", **headers}
    return AWSResponse("", status, headers, _Body(content))


def error(code: str, status: int = 400, **members: Any) -> Fault:
    """DynamoDB refuses with this code, without doing anything."""
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **members}

    def refuse(_: AWSPreparedRequest) -> AWSResponse:
        return answer(document, status)

    return refuse


def cancelled(*codes: str) -> Fault:
    """The transaction is cancelled, one code per item; "None" stands for an innocent item."""
    reasons = [{"Code": code} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)


def time_out(request: AWSPreparedRequest) -> AWSResponse | None:
    """No answer; the request never arrived."""
    raise ReadTimeoutError(endpoint_url=request.url)


def time_out_after_doing_it(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request is carried out, but its answer, whatever it is, is lost."""
    URLLib3Session().send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def really(request: AWSPreparedRequest) -> dict[str, Any]:
    """What the engine answers, as JSON."""
    response = URLLib3Session().send(request)
    document: dict[str, Any] = json.loads(response.content)
    assert response.status_code == 200, document
    return document


def one_item_a_page(request: AWSPreparedRequest) -> AWSResponse | None:
    """The request asks for one item only."""
    with_parameters(request, Limit=1)
    return None


class Stopwatch:
    """A monotonic clock that stands still until it is set; in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The seconds last set."""
        return self.now


def taking(stopwatch: Stopwatch, seconds: float, fault: Fault | None = None) -> Fault:
    """The request, or the fault it meets, takes so long."""

    def pass_time(request: AWSPreparedRequest) -> AWSResponse | None:
        stopwatch.now += seconds
        return fault(request) if fault else None

    return pass_time


def body(request: AWSPreparedRequest) -> dict[str, Any]:
    """The request's parameters."""
    document: dict[str, Any] = json.loads(request.body)
    return document


def with_parameters(request: AWSPreparedRequest, **changes: Any) -> AWSPreparedRequest:
    """The same request with other parameters; the embedded engine does not check signatures."""
    request.body = json.dumps(body(request) | changes).encode()
    if "Content-Length" in request.headers:  # else whoever sends it counts
        request.headers["Content-Length"] = str(len(request.body))
    return request


@contextmanager
def injected(
    client: DynamoClient, operation: str, *faults: Fault | None, all_met: bool = True
) -> Iterator[list[str]]:
    """The n-th request of `operation` meets the n-th fault (None: no fault); later ones meet none.

    Both ways to DynamoDB are covered: botocore's, and the transport of reads. Yields the operations
    sent so far. At the end every fault must have been met, if `all_met`.
    """
    sent: list[str] = []
    waiting = list(faults)

    def meet(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
        sent.append(event_name.rsplit(".", 1)[-1])
        if sent[-1] != operation or not waiting:
            return None
        fault = waiting.pop(0)
        return fault(request) if fault else None

    transport, events = client.transport, client.connection.client.meta.events
    exchange = transport.exchange

    async def meet_first(asked: Exchange) -> Answer:
        request = AWSPreparedRequest("POST", asked.url, dict(asked.headers), asked.body, False)
        response = await asyncio.to_thread(meet, request, asked.headers["x-amz-target"])
        if response is None:
            return await exchange(replace(asked, body=request.body, headers=request.headers))
        return Answer(response.status_code, response.content, response.headers.get("x-amz-crc32"))

    events.register("before-send.dynamodb.*", meet)
    transport.exchange = meet_first
    try:
        yield sent
    finally:
        events.unregister("before-send.dynamodb.*", meet)
        transport.exchange = exchange
    assert not (waiting and all_met), f"{len(waiting)} faults were never met"
