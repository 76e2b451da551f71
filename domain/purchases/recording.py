"""Record purchases: every one sent gets exactly one outcome."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from domain.errors import InvalidPurchase, PartlyRecorded, Unavailable
from domain.purchases.conventions import STRICT, Conventions
from domain.purchases.identifiers import MAX_PURCHASE_ID_BYTES
from domain.purchases.ports import Cancelling, PurchaseRecorder, Recording
from domain.purchases.purchase import Purchase, parse_purchase
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import Clock, Currency


class Outcome(StrEnum):
    """What became of one purchase sent to us."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    CANCELLED = "cancelled"
    ERASED = "erased"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOutcome:
    """The outcome of the purchase at `position` (from 0); `field` and `reason` say why not.

    `cancelling` is what a cancellation did; None for a purchase.
    """

    position: int
    outcome: Outcome
    purchase_id: str | None
    field: str | None = None
    reason: str | None = None
    cancelling: Cancelling | None = None


@dataclass(slots=True, kw_only=True)
class _Call:
    """What the customers of one call share."""

    outcomes: list[PurchaseOutcome | None]
    slots: asyncio.Semaphore
    on_answered: Callable[[int], None] | None
    answered: int = 0
    troubles: list[Unavailable] = field(default_factory=list)

    def answer(self, outcomes: Sequence[PurchaseOutcome]) -> None:
        """Each outcome is known, and how many are has been told."""
        for outcome in outcomes:
            self.outcomes[outcome.position] = outcome
        self.answered += len(outcomes)
        if outcomes and self.on_answered is not None:
            self.on_answered(self.answered)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurchases:
    """Validates raw purchases and records the good ones, one transaction per customer.

    At most `concurrent_customers` are written at the same time; none that is older than
    `retention` is taken.
    """

    recorder: PurchaseRecorder
    clock: Clock
    currency: Currency
    retention: PurchaseRetention = FOR_EVER
    concurrent_customers: int = 16

    async def __call__(
        self,
        raw: Sequence[object],
        /,
        *,
        conventions: Conventions = STRICT,
        on_answered: Callable[[int], None] | None = None,
    ) -> list[PurchaseOutcome]:
        """One outcome per purchase, in order. The good ones are written whatever the bad ones are.

        Once the store has left a customer unanswered, no further customer is begun.
        `on_answered` is told how many purchases of this call have an outcome, whenever more do.

        Raises:
            PartlyRecorded: the store left some unanswered; it carries the outcomes known.
        """
        call = _Call(
            outcomes=[None] * len(raw),
            slots=asyncio.Semaphore(self.concurrent_customers),
            on_answered=on_answered,
        )
        by_customer = self._parse_all(raw, call, conventions=conventions)
        try:
            async with asyncio.TaskGroup() as customers:
                for sent in by_customer:
                    customers.create_task(self._record_customer(sent, call))
        except ExceptionGroup as group:
            first = group.exceptions[0]
            raise first from first.__cause__
        return _complete(call)

    def _parse_all(
        self, raw: Sequence[object], call: _Call, *, conventions: Conventions
    ) -> Iterable[Mapping[int, Purchase]]:
        """The good purchases of each customer by position; the bad ones have their outcome."""
        by_customer: dict[str, dict[int, Purchase]] = {}
        rejected: list[PurchaseOutcome] = []
        now = self.clock()
        for position, entry in enumerate(raw):
            try:
                purchase = self._parse(entry, now, conventions=conventions)
            except InvalidPurchase as exc:
                rejected.append(_rejected(position, entry, exc))
                continue
            by_customer.setdefault(purchase.customer_id, {})[position] = purchase
        call.answer(rejected)
        return by_customer.values()

    def _parse(self, entry: object, now: int, *, conventions: Conventions) -> Purchase:
        purchase = parse_purchase(entry, currency=self.currency, now=now, conventions=conventions)
        if purchase.purchased_at <= self.retention.taken_after(now):
            raise InvalidPurchase(
                "purchased_at",
                f"is {self.retention.days} days ago or more; purchases are not kept that long",
            )
        return purchase

    async def _record_customer(self, sent: Mapping[int, Purchase], call: _Call) -> None:
        async with call.slots:
            if call.troubles:
                return
            try:
                recordings = await self._record_distinct(sent.values())
            except Unavailable as exc:
                call.troubles.append(exc)
                return
        outcomes: list[PurchaseOutcome] = []
        seen: set[Purchase] = set()
        for position, purchase in sent.items():
            recording = recordings[purchase]
            if purchase in seen and recording is Recording.RECORDED:
                recording = Recording.DUPLICATE
            seen.add(purchase)
            outcomes.append(_outcome(position, purchase, recording))
        call.answer(outcomes)

    async def _record_distinct(self, purchases: Iterable[Purchase]) -> dict[Purchase, Recording]:
        """The outcome of each distinct purchase; payloads under one id go one after the other."""
        rivals: dict[str, list[Purchase]] = {}
        for purchase in dict.fromkeys(purchases):
            rivals.setdefault(purchase.purchase_id, []).append(purchase)
        recordings: dict[Purchase, Recording] = {}
        while first_of_each := [payloads.pop(0) for payloads in rivals.values() if payloads]:
            answers = await self.recorder.record(first_of_each)
            for purchase, answer in zip(first_of_each, answers, strict=True):
                recordings[purchase] = answer
                if answer is not Recording.CONFLICT:
                    beaten = rivals.pop(purchase.purchase_id)
                    lost = answer if answer in _FINAL else Recording.CONFLICT
                    recordings |= dict.fromkeys(beaten, lost)
        return recordings


_FINAL = (Recording.CANCELLED, Recording.ERASED)
"""Whatever the payload is."""
WHY_NOT = {
    Recording.CONFLICT: (
        "purchase_id",
        "another purchase of this customer has this id, or refunds of more than it wait for it",
    ),
    Recording.CANCELLED: ("purchase_id", "this purchase was cancelled for good"),
    Recording.ERASED: (
        "customer_id",
        "this customer was erased; purchases are taken again when the suppression ends",
    ),
}


def _outcome(position: int, purchase: Purchase, recording: Recording) -> PurchaseOutcome:
    field, reason = WHY_NOT.get(recording, (None, None))
    return PurchaseOutcome(
        position=position,
        outcome=Outcome(recording.value),
        purchase_id=purchase.purchase_id,
        field=field,
        reason=reason,
    )


def _rejected(position: int, entry: object, exc: InvalidPurchase) -> PurchaseOutcome:
    purchase_id = None
    if isinstance(entry, Mapping):
        purchase_id = cast("Mapping[str, object]", entry).get("purchase_id")
    return PurchaseOutcome(
        position=position,
        outcome=Outcome.REJECTED,
        purchase_id=purchase_id[:MAX_PURCHASE_ID_BYTES] if isinstance(purchase_id, str) else None,
        field=exc.field,
        reason=exc.reason,
    )


def _complete(call: _Call) -> list[PurchaseOutcome]:
    if call.troubles:
        raise PartlyRecorded(call.outcomes, str(call.troubles[0])) from call.troubles[0]
    return [outcome for outcome in call.outcomes if outcome is not None]
