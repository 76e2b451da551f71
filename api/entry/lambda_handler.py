"""The same as the worker where AWS Lambda receives from the queue: `api.entry.lambda_handler.handler`.

The event source mapping needs ReportBatchItemFailures; whatever is not named is deleted.
Source: AWS Lambda, "Handling errors for an SQS event source".
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

from api.composition import LineInstruments, lambda_metrics, worker
from api.process import load_settings
from api.queue import Consume
from domain.errors import StoreUnavailable
from domain.queue import Message

_MICROS_PER_MS = 1_000
_resources = ExitStack()
"""Held as long as the execution environment lives: connections outlast single events."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """What became of one event: the messages of SQS that come again, or a status over HTTP.

    Other events, such as EventBridge's or Kinesis's, are taken as a whole.

    Raises:
        NotFound: a queue does not exist; the whole event comes again.
        StoreUnavailable: the store did not answer; the whole event comes again.
    """
    with _told():
        return _handled(event)


def _handled(event: Mapping[str, Any]) -> dict[str, object]:
    records = event.get("Records")
    if isinstance(records, list) and all("receiptHandle" in record for record in records):
        return {"batchItemFailures": asyncio.run(failures(_consume(), records))}
    taken = asyncio.run(whole(_consume(), event))
    if "requestContext" in event:
        status = HTTPStatus.ACCEPTED if taken else HTTPStatus.SERVICE_UNAVAILABLE
        return {"statusCode": int(status)}
    if not taken:
        raise StoreUnavailable("the store did not answer; the event comes again")
    return {}


async def whole(consume: Consume, event: Mapping[str, Any]) -> bool:
    """Whether everything in the event has an outcome; what is refused is a dead letter."""
    message = Message(receipt="event", message_id="event", body=json.dumps(event))
    return bool(await consume([message]))


async def failures(consume: Consume, records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The ids of those records that are not done with, as Lambda wants them.

    After the first of a FIFO queue's group the others of it are named too, so that they keep
    their order.
    """
    messages = [_message(record) for record in records]
    done = {message.message_id for message in await consume(messages)}
    broken: set[str] = set()
    left: list[dict[str, str]] = []
    for message in messages:
        if message.message_id not in done or message.group in broken:
            left.append({"itemIdentifier": message.message_id})
            broken |= {message.group} if message.group else set()
    return left


@cache
def _metrics() -> LineInstruments | None:
    return lambda_metrics(load_settings())


@contextmanager
def _told() -> Iterator[None]:
    """What the block does is a line on stdout, if the settings say so; also where it fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        if (metrics := _metrics()) is not None:
            sys.stdout.write(metrics.line(seconds=time.perf_counter() - began) + "\n")
            sys.stdout.flush()


@cache
def _consume() -> Consume:
    built = worker(load_settings(), instruments=_metrics())
    return _resources.enter_context(built).consume


def _message(record: Mapping[str, Any]) -> Message:
    attributes = record.get("attributes", {})
    sent_ms = attributes.get("SentTimestamp")
    return Message(
        receipt=record["receiptHandle"],
        message_id=record["messageId"],
        body=record["body"],
        group=attributes.get("MessageGroupId"),
        sent_at=None if sent_ms is None else int(sent_ms) * _MICROS_PER_MS,
    )
