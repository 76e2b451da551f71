"""The same as the worker where AWS Lambda receives from the queue: `api.entry.lambda_handler.handler`.

The event source mapping needs ReportBatchItemFailures; whatever is not named is deleted.
Source: AWS Lambda, "Handling errors for an SQS event source".
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

from api.composition import worker
from api.process import load_settings
from api.queue import Consume
from domain.queue import Message

_resources = ExitStack()
"""Held as long as the execution environment lives: connections outlast single events."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """The messages of one event that come again, because their trouble may pass.

    Raises:
        NotFound: a queue does not exist; the whole event comes again.
    """
    return {"batchItemFailures": asyncio.run(failures(_consume(), event["Records"]))}


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
def _consume() -> Consume:
    return _resources.enter_context(worker(load_settings())).consume


def _message(record: Mapping[str, Any]) -> Message:
    return Message(
        receipt=record["receiptHandle"],
        message_id=record["messageId"],
        body=record["body"],
        group=record.get("attributes", {}).get("MessageGroupId"),
    )
