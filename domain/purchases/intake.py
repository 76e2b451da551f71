"""Take in purchases and cancellations, however they came: one outcome each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from domain.errors import InvalidPurchase, InvalidRequest, PartlyRecorded, Unavailable
from domain.purchases.cancellation import CancelPurchase
from domain.purchases.conventions import STRICT, Conventions
from domain.purchases.identifiers import MAX_PURCHASE_ID_BYTES
from domain.purchases.ports import Cancelling, Recording, Refunding
from domain.purchases.recording import WHY_NOT, Outcome, PurchaseOutcome, RecordPurchases
from domain.purchases.refunding import WHY_REFUSED


@dataclass(frozen=True, slots=True)
class RawPurchase:
    """A purchase as it was sent, not validated yet."""

    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RawRefund:
    """The fields of a refund, not validated yet; `raw` is the whole that held them."""

    fields: Mapping[str, object]
    raw: object


@dataclass(frozen=True, slots=True)
class RawCancellation:
    """The ids of a purchase to cancel; `raw` is the whole that held them."""

    customer_id: str
    purchase_id: str
    raw: object


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is neither: `field` says where, `reason` why, `raw` is the whole."""

    raw: object
    field: str
    reason: str
    purchase_id: str | None = None


Item: TypeAlias = RawPurchase | RawRefund | RawCancellation | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeIn:
    """Records purchases, then refunds, then cancels; every way in decodes to items and calls this.

    `refund` is a RefundPurchase, or CheckRefund where nothing is to be written.

    Of one call at most `max_items` are taken (None: any number); the rest is rejected. Silence of
    the store about one item does not keep from the others, unless it `stops_at_silence`: an import
    is repeated anyway, and its refunds must be taken in their order. `observe` is told of the
    outcomes of each call, None for what was not answered; it never raises.
    """

    record: RecordPurchases
    refund: Callable[..., Awaitable[Refunding]]
    cancel: CancelPurchase
    max_items: int | None = None
    stops_at_silence: bool = False
    observe: Callable[[Sequence[PurchaseOutcome | None]], object] = lambda _: None

    async def __call__(
        self,
        items: Sequence[Item],
        /,
        *,
        conventions: Conventions = STRICT,
        on_answered: Callable[[int], None] | None = None,
    ) -> list[PurchaseOutcome]:
        """One outcome per item, in order. Good ones are taken whatever the bad ones are.

        All purchases of one customer share transactions. `on_answered` gets the number of
        outcomes known so far.

        Raises:
            PartlyRecorded: the store left some unanswered; it carries the outcomes known.
            CorruptRecord: what is stored under an id is no purchase.
        """
        outcomes = [self._refusal(position, item) for position, item in enumerate(items)]
        refused = sum(outcome is not None for outcome in outcomes)
        trouble: Unavailable | None = await self._record(
            {
                position: item
                for position, item in enumerate(items)
                if isinstance(item, RawPurchase) and outcomes[position] is None
            },
            outcomes,
            conventions=conventions,
            on_answered=on_answered and (lambda known: on_answered(refused + known)),
        )
        for position in (*_places_of(RawRefund, items), *_places_of(RawCancellation, items)):
            if trouble is not None and self.stops_at_silence:
                break
            try:
                if outcomes[position] is None:
                    outcomes[position] = await self._one(position, items[position], conventions)
            except Unavailable as exc:
                trouble = trouble or exc
        self.observe(outcomes)
        if trouble is not None:
            reason = trouble.reason if isinstance(trouble, PartlyRecorded) else str(trouble)
            raise PartlyRecorded(outcomes, reason) from trouble
        return [outcome for outcome in outcomes if outcome is not None]

    def _refusal(self, position: int, item: Item) -> PurchaseOutcome | None:
        if self.max_items is not None and position >= self.max_items:
            reason = f"at most {self.max_items} are taken per call; send the rest again"
            return _rejected(position, _purchase_id(item), "purchases", reason)
        if isinstance(item, Unreadable):
            return _rejected(position, item.purchase_id, item.field, item.reason)
        return None

    async def _record(
        self,
        purchases: Mapping[int, RawPurchase],
        outcomes: list[PurchaseOutcome | None],
        *,
        conventions: Conventions,
        on_answered: Callable[[int], None] | None,
    ) -> PartlyRecorded | None:
        """Fills in the outcomes of these; returns the trouble that left some unanswered."""
        if not purchases:
            return None
        trouble: PartlyRecorded | None = None
        answers: Sequence[object | None]
        try:
            answers = await self.record(
                [purchase.raw for purchase in purchases.values()],
                conventions=conventions,
                on_answered=on_answered,
            )
        except PartlyRecorded as exc:
            trouble, answers = exc, exc.outcomes
        for position, answer in zip(purchases, answers, strict=True):
            if isinstance(answer, PurchaseOutcome):
                moved = answer.position != position
                outcomes[position] = replace(answer, position=position) if moved else answer
        return trouble

    async def _one(self, position: int, item: Item, conventions: Conventions) -> PurchaseOutcome:
        if isinstance(item, RawRefund):
            return await self._refund(position, item, conventions)
        return await self._cancel(position, cast("RawCancellation", item))

    async def _refund(
        self, position: int, item: RawRefund, conventions: Conventions
    ) -> PurchaseOutcome:
        purchase_id = _purchase_id(item)
        try:
            refunding = await self.refund(item.fields, conventions=conventions)
        except InvalidPurchase as exc:
            return _rejected(position, purchase_id, exc.field, exc.reason)
        outcome, field, reason = OF_REFUNDS[refunding]
        return PurchaseOutcome(
            position=position, outcome=outcome, purchase_id=purchase_id, field=field, reason=reason
        )

    async def _cancel(self, position: int, item: RawCancellation) -> PurchaseOutcome:
        try:
            cancelling = await self.cancel(item.customer_id, item.purchase_id)
        except InvalidRequest as exc:
            return _rejected(position, item.purchase_id, exc.field, exc.reason)
        erased = cancelling is Cancelling.ERASED
        return PurchaseOutcome(
            position=position,
            outcome=Outcome.ERASED if erased else Outcome.CANCELLED,
            purchase_id=item.purchase_id,
            cancelling=cancelling,
        )


OF_REFUNDS: Mapping[Refunding, tuple[Outcome, str | None, str | None]] = {
    Refunding.RECORDED: (Outcome.RECORDED, None, None),
    Refunding.WAITING: (
        Outcome.RECORDED,
        "purchase_id",
        "no such purchase came yet; the refund is kept and waits for it",
    ),
    Refunding.DUPLICATE: (Outcome.DUPLICATE, None, None),
    Refunding.CONFLICT: (Outcome.CONFLICT, *WHY_REFUSED[Refunding.CONFLICT]),
    Refunding.EXCESS: (Outcome.REJECTED, *WHY_REFUSED[Refunding.EXCESS]),
    Refunding.CANCELLED: (Outcome.CANCELLED, *WHY_NOT[Recording.CANCELLED]),
    Refunding.ERASED: (Outcome.ERASED, *WHY_NOT[Recording.ERASED]),
}
"""The outcome of a refund, which field it is about, and why."""


def _places_of(kind: type[Item], items: Sequence[Item]) -> list[int]:
    return [position for position, item in enumerate(items) if isinstance(item, kind)]


def _purchase_id(item: Item) -> str | None:
    if isinstance(item, RawPurchase):
        found = item.raw.get("purchase_id")
    elif isinstance(item, RawRefund):
        found = item.fields.get("purchase_id")
    else:
        found = item.purchase_id
    return found if isinstance(found, str) else None


def _rejected(position: int, purchase_id: str | None, field: str, reason: str) -> PurchaseOutcome:
    return PurchaseOutcome(
        position=position,
        outcome=Outcome.REJECTED,
        purchase_id=None if purchase_id is None else purchase_id[:MAX_PURCHASE_ID_BYTES],
        field=field,
        reason=reason,
    )
