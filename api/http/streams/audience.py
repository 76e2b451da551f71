"""An audience as a stream: NDJSON whose last line is a summary, or CSV for spreadsheets."""

import asyncio
import csv
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from io import StringIO
from typing import TypeAlias

from litestar.types import Receive

from api.documents.audience import FailureLine, StreamSummary, SummaryLine
from api.documents.problem import Problem
from api.http.connections import STOPPING
from api.http.streams.ndjson import encode_lines
from domain.audience import AudienceQuery, Member, ScoreAudience
from domain.errors import StoreUnavailable
from domain.values import plain_number

Chunks: TypeAlias = AsyncGenerator[bytes, None]

_HEAD = b"customer_id,probability,arm\r\n"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""What makes a spreadsheet run a cell, and the mark that stops it, so that the mark stays unique.

Source: OWASP, CSV Injection.
"""


class StreamBroken(Exception):
    """Ends a stream that cannot say so in its own format: the connection is cut."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which members are listed: those in [min, max], and the unread, for unknown is not zero."""

    min_probability: float
    max_probability: float

    def among(self, members: Sequence[Member]) -> list[Member]:
        """The members that are listed, in order."""
        return [
            member
            for member in members
            if member.probability is None
            or self.min_probability <= member.probability <= self.max_probability
        ]


async def ndjson(
    audience: ScoreAudience, query: AudienceQuery, filters: Filters, why: str
) -> Chunks:
    """One line per member, then exactly one with the summary.

    Every batch is a chunk, an empty one too. The response begins with the first batch. Only from
    then on is a client that leaves noticed.
    """
    listed = 0
    async with audience.stream(query) as (batches, summary):
        async for batch in batches:
            members = filters.among(batch)
            listed += len(members)
            yield encode_lines(members)
    yield _line(SummaryLine(summary=StreamSummary.of(query, summary, listed=listed, why=why)))


async def comma_separated(
    audience: ScoreAudience, query: AudienceQuery, filters: Filters, _why: str
) -> Chunks:
    """A header and one row per member; the header travels with the first batch.

    Raises:
        StoreUnavailable: members are missing, for which rows have no place.
    """
    head = _HEAD
    async with audience.stream(query) as (batches, summary):
        async for batch in batches:
            yield head + _rows(filters.among(batch))
            head = b""
    if summary.unlisted_shards:
        raise StoreUnavailable(f"shards not listed in time: {summary.unlisted_shards}")
    if head:
        yield head


async def begun(
    chunks: Chunks, *, failed: Callable[[Exception], bytes], left: Awaitable[None]
) -> Chunks | None:
    """The stream with its first chunk read, so that an early error is still a proper problem.

    Of a later error `failed` makes the last chunk, or raises. The consumer of the stream closes
    `chunks`, which stops all reading. None, and nothing is read any more, if the client has
    `left` before.
    """
    first = await _first(chunks, left)
    if first is None:
        return None

    async def all_of_them() -> Chunks:
        yield first
        try:
            async with aclosing(STOPPING.until(chunks)) as until_stopped:
                async for chunk in until_stopped:
                    yield chunk
        except Exception as exc:  # noqa: BLE001  # the status is sent: no handler can answer now
            yield failed(exc)

    return all_of_them()


async def _first(chunks: Chunks, left: Awaitable[None]) -> bytes | None:
    head, leaving = asyncio.ensure_future(anext(chunks)), asyncio.ensure_future(left)
    try:
        await asyncio.wait({head, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return head.result() if head.done() else None
    finally:
        head.cancel()
        leaving.cancel()
        await asyncio.gather(head, leaving, return_exceptions=True)


async def gone(receive: Receive) -> None:
    """Returns once the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def closed(chunks: Chunks) -> None:
    """Nothing is read for the stream any more."""
    await chunks.aclose()


def failure_line(problem: Problem) -> bytes:
    """The last line of a stream that ends early."""
    return _line(FailureLine(error=problem))


def _line(line: SummaryLine | FailureLine) -> bytes:
    return encode_lines([line])


def _rows(members: Sequence[Member]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(
        (
            _inert(m.customer_id),
            None if m.probability is None else plain_number(m.probability),
            m.arm,
        )
        for m in members
    )
    return text.getvalue().encode()


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
