"""Record purchases: every one sent gets exactly one outcome."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidPurchase, PartlyRecorded, Unavailable
from domain.money import Currency
from domain.ports import Clock, PurchaseRecorder, Recording
from domain.purchase import Purchase, parse_purchase


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
    """Validates raw purchases and records the good ones, one transaction per customer."""

    recorder: PurchaseRecorder
    clock: Clock
    currency: Currency
    max_purchases: int | None = None

    async def __call__(
        self, raw: Sequence[object], /, *, default_currency: bool = False
    ) -> list[PurchaseOutcome]:
        """One outcome per purchase, in order. The good ones are written whatever the bad ones are.

        Raises:
            PartlyRecorded: the store left some unanswered; it carries the outcomes known.
        """
        outcomes: list[PurchaseOutcome | None] = [None] * len(raw)
        by_customer: dict[str, dict[str, list[tuple[int, Purchase]]]] = {}
        now = self.clock()
        for position, entry in enumerate(raw):
            try:
                purchase = self._parse(entry, position, now, default_currency=default_currency)
            except InvalidPurchase as exc:
                outcomes[position] = _rejected(position, entry, exc)
                continue
            same_id = by_customer.setdefault(purchase.customer_id, {})
            same_id.setdefault(purchase.purchase_id, []).append((position, purchase))
        troubles = await asyncio.gather(
            *(self._record_customer(same_id, outcomes) for same_id in by_customer.values())
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
        same_id: dict[str, list[tuple[int, Purchase]]],
        outcomes: list[PurchaseOutcome | None],
    ) -> Unavailable | None:
        firsts = [sent[0][1] for sent in same_id.values()]
        try:
            recordings = await self.recorder.record(firsts)
        except Unavailable as exc:
            return exc
        for sent, recording in zip(same_id.values(), recordings, strict=True):
            for position, purchase in sent:
                repeated = position != sent[0][0]
                outcomes[position] = _outcome(
                    position,
                    purchase,
                    _seen_again(sent[0][1], purchase, recording) if repeated else recording,
                )
        return None


def _seen_again(first: Purchase, again: Purchase, recording: Recording) -> Recording:
    """What a second purchase under the same id in one call is, given the first one's fate."""
    if recording is Recording.CONFLICT:
        return Recording.CONFLICT
    return Recording.DUPLICATE if again == first else Recording.CONFLICT


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
    purchase_id = entry.get("purchase_id") if isinstance(entry, dict) else None
    return PurchaseOutcome(
        position=position,
        outcome=Outcome.REJECTED,
        purchase_id=purchase_id if isinstance(purchase_id, str) else None,
        field=exc.field,
        reason=exc.reason,
    )


def _complete(
    outcomes: Sequence[PurchaseOutcome | None], troubles: Sequence[Unavailable]
) -> list[PurchaseOutcome]:
    if troubles:
        raise PartlyRecorded(outcomes, str(troubles[0])) from troubles[0]
    return [outcome for outcome in outcomes if outcome is not None]
