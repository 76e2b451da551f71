"""A queue of SQS: at least once, in batches of ten, each blocking call in a thread."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from adapters.aws_advice import CREDENTIALS_ADVICE
from domain.errors import NotFound, Rejected, StoreUnavailable
from domain.queue import Message, QueueDepth

T = TypeVar("T")
BATCH = 10
"""Messages per call at most. Source: AWS, SQS quotas."""
LONGEST_WAIT_S = 10
"""Of one long poll here; SQS would wait 20 s, but a worker that stops has 30 s for everything."""
MOST_BYTES = 1_048_576
"""Of one message with its attributes. Source: AWS, SQS quotas."""
MOST_RECEIVES = 10
"""How often a message comes before it is a dead letter: ten minutes of the usual visibility."""
FEWEST_RECEIVES = 5
"""Source: AWS Lambda, "Configuring a queue for use with Lambda"."""
RETENTION_S = 14 * 86_400
"""How long a message is kept; the longest that SQS allows."""
_MICROS_PER_MS = 1_000
_HELD = "ApproximateNumberOfMessages"
_REASON = "reason"
_MOST_REASON = 500
_FIFO = ".fifo"
_ABSENT = ("QueueDoesNotExist", "NonExistentQueue")
_REASON_BYTES = len(_REASON + "String")
_UNSENDABLE = dict.fromkeys([*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], " ")
"""SQS refuses most control characters, surrogates and these two, in an attribute as in a body."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsOptions:
    """Where the queues are; `endpoint` None is AWS, `credentials` None are found by botocore."""

    endpoint: str | None
    region: str
    credentials: tuple[str, str] | None = None
    threads: int = 8


class SqsClient:
    """One connection to SQS for any number of queues. Thread-safe."""

    def __init__(self, options: SqsOptions) -> None:
        key_id, secret = options.credentials or (None, None)
        self.sqs: Any = get_session().create_client(
            "sqs",
            region_name=options.region,
            endpoint_url=options.endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(
                connect_timeout=2,
                read_timeout=LONGEST_WAIT_S + 2,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=options.threads,
            ),
        )
        self._threads = ThreadPoolExecutor(options.threads, thread_name_prefix="sqs")

    async def call(self, blocking: Callable[..., T], /, **arguments: object) -> T:
        """The result of one call of the API, made in a thread.

        Raises:
            NotFound: there is no such queue.
            StoreUnavailable: SQS did not answer, or refused.
        """

        def translating() -> T:
            with _translated():
                return blocking(**arguments)

        return await asyncio.get_running_loop().run_in_executor(self._threads, translating)

    def queue(self, name: str) -> "SqsQueue":
        """The queue of this name.

        Raises:
            NotFound: there is none; names the command that creates it.
            StoreUnavailable: SQS did not answer, or refused.
        """
        with _translated():
            return SqsQueue(self, self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def create(self, name: str, *, visibility_s: int, dead_letters: str | None = None) -> None:
        """The queue is there once this returns; messages are kept for 14 days.

        What came MOST_RECEIVES times without being done with goes to the queue `dead_letters`,
        which must be there.

        Raises:
            NotFound: there is no queue of dead letters of this name.
            StoreUnavailable: SQS did not answer, or refused, as it does when another one of this
                name has other attributes.
        """
        attributes = {
            "VisibilityTimeout": str(visibility_s),
            "MessageRetentionPeriod": str(RETENTION_S),
        }
        if name.endswith(_FIFO):
            attributes["FifoQueue"] = "true"
        with _translated():
            url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            if dead_letters is not None:
                policy = {
                    "deadLetterTargetArn": self._attributes(dead_letters)["QueueArn"],
                    "maxReceiveCount": str(MOST_RECEIVES),
                }
                self.sqs.set_queue_attributes(
                    QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)}
                )

    def check_redrive(self, name: str, dead_letters: str) -> None:
        """Returns when the queue gives up on a message at last, and where dead letters are read.

        Raises:
            NotFound: there is no such queue.
            Rejected: it has no redrive policy, another one, or one that gives up too soon.
            StoreUnavailable: SQS did not answer, or refused.
        """
        with _translated():
            found = self._attributes(name).get("RedrivePolicy")
        if found is None:
            raise Rejected(
                name, "has no redrive policy: a message that breaks a worker comes for ever"
            )
        policy = json.loads(found)
        target = str(policy.get("deadLetterTargetArn")).rpartition(":")[2]
        if target != dead_letters:
            raise Rejected(name, f"sends dead letters to {target!r}, not to {dead_letters!r}")
        if int(policy.get("maxReceiveCount", 0)) < FEWEST_RECEIVES:
            raise Rejected(
                name,
                f"gives up after {policy.get('maxReceiveCount')} attempts; a short outage of the "
                f"store takes {FEWEST_RECEIVES}",
            )

    def _attributes(self, name: str) -> dict[str, str]:
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = self.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn", "RedrivePolicy"]
        )
        found: dict[str, str] = answer["Attributes"]
        return found

    def close(self) -> None:
        """No thread is left once this returns."""
        self._threads.shutdown(wait=True, cancel_futures=True)


class SqsQueue:
    """MessageQueue on one queue of SQS, standard or FIFO."""

    def __init__(self, client: SqsClient, url: str) -> None:
        self._client = client
        self._url = url

    async def receive(self, *, wait_s: int, visibility_s: int) -> Sequence[Message]:
        """At most ten messages; see the port."""
        answer = await self._client.call(
            self._client.sqs.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=visibility_s,
            MessageAttributeNames=["All"],
            AttributeNames=["MessageGroupId", "SentTimestamp"],
        )
        return [_message(found) for found in answer.get("Messages", ())]

    async def delete(self, messages: Sequence[Message], /) -> None:
        """None of them comes again; see the port."""
        await self._batched(self._client.sqs.delete_message_batch, messages)

    async def hide(self, messages: Sequence[Message], /, *, seconds: int) -> None:
        """Nobody else receives them for so long; see the port."""
        await self._batched(
            self._client.sqs.change_message_visibility_batch, messages, VisibilityTimeout=seconds
        )

    async def send(self, body: str, /, *, reason: str | None, group: str | None) -> None:
        """The message is in the queue; see the port.

        For five minutes a FIFO queue swallows what it takes for a repetition. So each message sent
        has an id of its own; only botocore's retries share it.
        """
        arguments: dict[str, Any] = {}
        if reason is not None and (text := _fitting(reason, MOST_BYTES - len(body.encode()))):
            arguments["MessageAttributes"] = {_REASON: {"DataType": "String", "StringValue": text}}
        if self._url.endswith(_FIFO):
            own = uuid.uuid4().hex
            arguments |= {"MessageGroupId": group or own, "MessageDeduplicationId": own}
        await self._client.call(
            self._client.sqs.send_message, QueueUrl=self._url, MessageBody=body, **arguments
        )

    async def depth(self) -> QueueDepth:
        """How many messages there are, about; see the port.

        Source: AWS, SQS API, GetQueueAttributes: within a minute after the last change they are exact.
        """
        answer = await self._client.call(
            self._client.sqs.get_queue_attributes,
            QueueUrl=self._url,
            AttributeNames=[_HELD, f"{_HELD}NotVisible", f"{_HELD}Delayed"],
        )
        held = answer["Attributes"]
        return QueueDepth(
            visible=int(held[_HELD]),
            in_flight=int(held[f"{_HELD}NotVisible"]),
            delayed=int(held[f"{_HELD}Delayed"]),
        )

    async def _batched(
        self, call: Callable[..., Any], messages: Sequence[Message], **each: object
    ) -> None:
        if not messages:
            return
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt, **each}
            for number, message in enumerate(messages)
        ]
        answer = await self._client.call(call, QueueUrl=self._url, Entries=entries)
        if failed := answer.get("Failed"):
            codes = ", ".join(sorted({str(entry.get("Code")) for entry in failed}))
            raise StoreUnavailable(f"SQS left {len(failed)} of {len(messages)} messages ({codes})")


def _fitting(reason: str, room: int) -> str:
    """As much of a reason as SQS takes beside the body; "" where there is no room for any."""
    text = (reason or "unknown").translate(_UNSENDABLE)[:_MOST_REASON]
    text = text.encode()[: max(0, room - _REASON_BYTES)].decode(errors="ignore")
    if not text:
        _log.warning("a message as long as SQS allows was sent without its reason")
    return text


@contextmanager
def _translated() -> Generator[None, None, None]:
    try:
        yield
    except ClientError as exc:
        code = str(exc.response.get("Error", {}).get("Code"))
        if code.rpartition(".")[2] in _ABSENT:
            raise NotFound("the queue does not exist; create it: propensity worker create") from exc
        known = CREDENTIALS_ADVICE.get(code, "")
        raise StoreUnavailable(f"SQS answered {code}{': ' * bool(known)}{known}") from exc
    except BotoCoreError as exc:
        raise StoreUnavailable(f"SQS did not answer ({type(exc).__name__})") from exc


def _message(found: dict[str, Any]) -> Message:
    reason = found.get("MessageAttributes", {}).get(_REASON, {}).get("StringValue")
    attributes = found.get("Attributes", {})
    sent_ms = attributes.get("SentTimestamp")
    return Message(
        receipt=found["ReceiptHandle"],
        message_id=found["MessageId"],
        body=found["Body"],
        reason=reason,
        group=attributes.get("MessageGroupId"),
        sent_at=None if sent_ms is None else int(sent_ms) * _MICROS_PER_MS,
    )
