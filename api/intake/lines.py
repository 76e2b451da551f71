"""The lines of a body that still arrives, in bounded memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from api.intake.messages import items_of
from domain.purchases import Item, Unreadable

MOST_LINE_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a stream by its place from 0; None: it was too long to be read."""

    position: int
    content: bytes | None


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """The lines of a body that are not blank, in bounded memory."""
    position, kept, too_long = 0, bytearray(), False
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            line = kept + part
            if too_long or len(line) > MOST_LINE_BYTES:
                yield Line(position, None)
            elif line.strip():
                yield Line(position, bytes(line))
            position, kept, too_long = position + 1, bytearray(), False
        if not too_long:
            kept += rest
        if len(kept) > MOST_LINE_BYTES:
            kept, too_long = bytearray(), True
    if too_long or kept.strip():
        yield Line(position, None if too_long else bytes(kept))


def item_of(line: Line) -> Item:
    """The one thing that a line holds."""
    if line.content is None:
        return Unreadable(None, "line", f"is longer than {MOST_LINE_BYTES} bytes")
    items = items_of(line.content)
    if len(items) > 1:
        return Unreadable(None, "line", "holds several purchases; send one per line")
    return items[0]
