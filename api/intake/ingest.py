"""What was sent, in whatever form, handed to the services: one outcome per item, in order."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from api.intake.messages import Cancelled, Item, Refused, Sent, items_of
from domain.errors import InvalidRequest, PartlyRecorded, Unavailable
from domain.purchases import Cancelling, CancelPurchase, Outcome, PurchaseOutcome, RecordPurchases

MOST_LINE_BYTES = 100_000
LINES_AT_ONCE = 100
UNANSWERED = "the store did not answer; sending it again is safe"


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
        return Refused(None, f"line: is longer than {MOST_LINE_BYTES} bytes")
    items = items_of(line.content)
    if len(items) > 1:
        return Refused(None, "line: holds several purchases; send one per line")
    return items[0]


async def ingested(
    record: RecordPurchases, cancel: CancelPurchase, items: Sequence[Item]
) -> list[PurchaseOutcome | None]:
    """One outcome per item, in order; None where the store did not answer.

    The purchases are one call: one transaction per customer.
    """
    outcomes: list[PurchaseOutcome | None] = [None] * len(items)
    sent = [(place, item) for place, item in enumerate(items) if isinstance(item, Sent)]
    for (place, _), outcome in zip(sent, await _recorded(record, sent), strict=True):
        if isinstance(outcome, PurchaseOutcome):
            outcomes[place] = replace(outcome, position=place)
    for place, item in enumerate(items):
        if isinstance(item, Cancelled):
            outcomes[place] = await _cancelled(cancel, place, item)
        elif isinstance(item, Refused):
            outcomes[place] = _rejected(place, None, item.reason)
    return outcomes


async def _recorded(
    record: RecordPurchases, sent: Sequence[tuple[int, Sent]]
) -> Sequence[object | None]:
    if not sent:
        return ()
    try:
        return await record([item.raw for _, item in sent])
    except PartlyRecorded as exc:
        return exc.outcomes


async def _cancelled(cancel: CancelPurchase, place: int, item: Cancelled) -> PurchaseOutcome | None:
    try:
        cancelling = await cancel(item.customer_id, item.purchase_id)
    except InvalidRequest as exc:
        return _rejected(place, item.purchase_id, f"{exc.field}: {exc.reason}")
    except Unavailable:
        return None
    outcome = Outcome.ERASED if cancelling is Cancelling.ERASED else Outcome.CANCELLED
    return PurchaseOutcome(position=place, outcome=outcome, purchase_id=item.purchase_id)


def _rejected(place: int, purchase_id: str | None, said: str) -> PurchaseOutcome:
    field, _, reason = said.partition(": ")
    return PurchaseOutcome(
        position=place,
        outcome=Outcome.REJECTED,
        purchase_id=purchase_id,
        field=field,
        reason=reason,
    )
