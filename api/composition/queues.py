"""The queue's worker, and the queues themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.composition.application import application
from api.composition.metrics import Instruments
from api.process import Settings

if TYPE_CHECKING:
    from adapters.sqs import SqsClient
    from api.queue import Worker


@contextmanager
def queues(settings: Settings) -> "Iterator[SqsClient]":
    """The connection to SQS; its threads end with the block."""
    from adapters.sqs import SqsClient, SqsOptions

    client = SqsClient(
        SqsOptions(
            endpoint=settings.queue_url,
            region=settings.region,
            credentials=settings.credentials,
            threads=2 * settings.worker_concurrency + 2,
        )
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def worker(settings: Settings, *, instruments: Instruments | None = None) -> "Iterator[Worker]":
    """The queue's worker; its threads and connections end with the block.

    Raises:
        NotFound: a queue does not exist.
        StoreUnavailable: SQS does not answer.
    """
    from api.queue import Consume, Worker

    with application(settings, instruments=instruments) as built, queues(settings) as client:
        observer = None if built.instruments is None else built.instruments.queue
        yield Worker(
            queue=client.queue(settings.queue),
            consume=Consume(
                take_in=built.take_in,
                dead_letters=client.queue(settings.dead_letter_name),
                observer=observer,
            ),
            visibility_s=settings.queue_visibility_s,
            concurrency=settings.worker_concurrency,
            observer=observer,
            beside=[] if built.metrics is None else [built.metrics.watch_worker().run],
        )
