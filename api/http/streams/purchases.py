"""Purchases as a stream: one outcome line per line sent, then one with the summary."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, cast

from litestar.response import Stream
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send
from msgspec import Meta, Struct

from api.documents.cost import CostUsed, cost_used
from api.documents.purchases import encodable
from api.http.streams.ndjson import encode_lines
from api.intake import Line, item_of, lines_of
from domain.cost import metered_context
from domain.errors import PartlyRecorded
from domain.purchases import Outcome, PurchaseOutcome, TakeIn

LINES_AT_ONCE = 100
UNANSWERED = "the store did not answer; sending it again is safe"


class StreamedOutcome(Struct, frozen=True, kw_only=True):
    """What became of one line; `outcome` null: unknown, and sending the line again is safe."""

    position: Annotated[int, Meta(ge=0, description="The line's place, from 0.")]
    outcome: Outcome | None
    purchase_id: str | None = None
    field: str | None = None
    reason: str | None = None


class StreamCounts(Struct, frozen=True, kw_only=True):
    """What a whole stream came to; complete when every line has a known outcome."""

    lines: int
    recorded: int
    duplicate: int
    conflict: int
    cancelled: int
    erased: int
    rejected: int
    unanswered: int
    complete: bool
    cost: CostUsed


class CountsLine(Struct, frozen=True, kw_only=True):
    """The last line of a stream that was read to its end."""

    summary: StreamCounts


async def outcome_lines(take_in: TakeIn, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The outcomes of a body's lines, in batches, while the body still arrives."""
    counts: Counter[str] = Counter()
    context, cost = metered_context()  # this generator shares its consumer's
    batch: list[Line] = []
    async for line in lines_of(chunks):
        batch.append(line)
        if len(batch) == LINES_AT_ONCE:
            yield await asyncio.create_task(_answered(take_in, batch, counts), context=context)
            batch = []
    if batch:
        yield await asyncio.create_task(_answered(take_in, batch, counts), context=context)
    summary = StreamCounts(
        lines=counts.total(),
        **{str(kind): counts[kind] for kind in Outcome},
        unanswered=counts["unanswered"],
        complete=not counts["unanswered"],
        cost=cost_used(cost),
    )
    yield encode_lines([CountsLine(summary=summary)])


async def _answered(take_in: TakeIn, batch: Sequence[Line], counts: Counter[str]) -> bytes:
    outcomes: Sequence[object | None]
    try:
        outcomes = await take_in([item_of(line) for line in batch])
    except PartlyRecorded as exc:
        outcomes = exc.outcomes
    counts.update(
        each.outcome if isinstance(each, PurchaseOutcome) else "unanswered" for each in outcomes
    )
    return encode_lines(
        [_streamed(line, outcome) for line, outcome in zip(batch, outcomes, strict=True)]
    )


def _streamed(line: Line, outcome: object | None) -> StreamedOutcome:
    if not isinstance(outcome, PurchaseOutcome):
        return StreamedOutcome(position=line.position, outcome=None, reason=UNANSWERED)
    return StreamedOutcome(
        position=line.position,
        outcome=outcome.outcome,
        purchase_id=encodable(outcome.purchase_id),
        field=encodable(outcome.field),
        reason=outcome.reason,
    )


class _Duplex(ASGIStreamingResponse):
    """Sends what the iterator gives, which reads the request meanwhile.

    Litestar's own would read from the connection too, to notice a client that leaves, and so take
    parts of the body away; here the reader of the body notices.
    """

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Every chunk, then the end."""
        del receive
        async for chunk in cast("AsyncIterator[bytes]", self.iterator):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class DuplexStream(Stream):
    """A stream that is made while the request's body still arrives."""

    def to_asgi_response(self, app: Any, request: Any, **options: Any) -> ASGIStreamingResponse:
        """The response as Litestar sends it."""
        del app, request
        return _Duplex(
            iterator=cast("AsyncIterator[bytes]", self.iterator),
            media_type=self.media_type,
            status_code=self.status_code or HTTPStatus.OK,
            encoded_headers=options.get("encoded_headers"),
        )
