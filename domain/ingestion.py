"""Record purchases: every one sent gets exactly one outcome."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from domain.errors import InvalidPurchase, PartlyRecorded, Unavailable
from domain.money import Currency
from domain.ports import Clock, PurchaseRecorder, Recording
from domain.purchase import MAX_PURCHASE_ID_BYTES, Purchase, parse_purchase


class Outcome(StrEnum):
    """What became of one purchase sent to us."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOutcome:
    """The outcome of the purchase at `position` (from 0); `field` and `reason` say why not."""

    position: int
    outcome: Outcome
    purchase_id: str | None
    field: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurchases:
    """Validates raw purchases and records the good ones, one transaction per customer.

    At most `concurrent_customers` are written at the same time; of one call at most
    `max_purchases` are taken (None: any number).
    """

    recorder: PurchaseRecorder
    clock: Clock
    currency: Currency
    max_purchases: int | None = None
    concurrent_customers: int = 16

    async def __call__(
        self, raw: Sequence[object], /, *, default_currency: bool = False
    ) -> list[PurchaseOutcome]:
        """One outcome per purchase, in order. The good ones are written whatever the bad ones are.

        Raises:
            PartlyRecorded: the store left some unanswered; it carries the outcomes known.
        """
        outcomes: list[PurchaseOutcome | None] = [None] * len(raw)
        by_customer: dict[str, dict[int, Purchase]] = {}
        now = self.clock()
        for position, entry in enumerate(raw):
            try:
                purchase = self._parse(entry, position, now, default_currency=default_currency)
            except InvalidPurchase as exc:
                outcomes[position] = _rejected(position, entry, exc)
                continue
            by_customer.setdefault(purchase.customer_id, {})[position] = purchase
        slots = asyncio.Semaphore(self.concurrent_customers)
        troubles = await asyncio.gather(
            *(self._record_customer(sent, outcomes, slots) for sent in by_customer.values())
        )
        return _complete(outcomes, [trouble for trouble in troubles if trouble])

    def _parse(self, entry: object, position: int, now: int, *, default_currency: bool) -> Purchase:
        if self.max_purchases is not None and position >= self.max_purchases:
            raise InvalidPurchase(
                "purchases", f"at most {self.max_purchases} are taken per call; send the rest again"
            )
        return parse_purchase(
            entry, currency=self.currency, now=now, default_currency=default_currency
        )

    async def _record_customer(
        self,
        sent: Mapping[int, Purchase],
        outcomes: list[PurchaseOutcome | None],
        slots: asyncio.Semaphore,
    ) -> Unavailable | None:
        try:
            async with slots:
                recordings = await self._record_distinct(sent.values())
        except Unavailable as exc:
            return exc
        seen: set[Purchase] = set()
        for position, purchase in sent.items():
            recording = recordings[purchase]
            if purchase in seen and recording is Recording.RECORDED:
                recording = Recording.DUPLICATE
            seen.add(purchase)
            outcomes[position] = _outcome(position, purchase, recording)
        return None

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
                    recordings |= dict.fromkeys(beaten, Recording.CONFLICT)
        return recordings


def _outcome(position: int, purchase: Purchase, recording: Recording) -> PurchaseOutcome:
    conflict = recording is Recording.CONFLICT
    return PurchaseOutcome(
        position=position,
        outcome=Outcome(recording.value),
        purchase_id=purchase.purchase_id,
        field="purchase_id" if conflict else None,
        reason="this id is taken by a purchase with another payload" if conflict else None,
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


def _complete(
    outcomes: Sequence[PurchaseOutcome | None], troubles: Sequence[Unavailable]
) -> list[PurchaseOutcome]:
    if troubles:
        raise PartlyRecorded(outcomes, str(troubles[0])) from troubles[0]
    return [outcome for outcome in outcomes if outcome is not None]
