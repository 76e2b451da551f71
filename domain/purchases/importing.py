"""Import purchases from a source: bounded memory, and a repeated import changes nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import cast
from unicodedata import normalize

from domain.purchases.conventions import Conventions
from domain.purchases.intake import (
    Item,
    RawCancellation,
    RawPurchase,
    RawRefund,
    TakeIn,
    Unreadable,
)
from domain.purchases.ports import PurchaseSource, RawRow, RowKind, SeenIds
from domain.purchases.recording import Outcome, PurchaseOutcome

ROWS_AT_ONCE = 20_000
"""Rows held in memory; the more, the more purchases of a customer share a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that was not recorded: rejected, or in conflict with what is stored."""

    row: RawRow
    outcome: Outcome
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How far an import is: rows with an outcome, and progress towards the source's total."""

    rows: int
    progress: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPurchases:
    """Takes in the rows of a source, `rows_at_once` at a time.

    `counted` is told how many more rows have which outcomes; it never raises.
    """

    take_in: TakeIn
    seen: Callable[[], SeenIds]
    rows_at_once: int = ROWS_AT_ONCE
    counted: Callable[[Mapping[Outcome, int]], object] = lambda _: None

    async def __call__(
        self,
        source: PurchaseSource,
        /,
        *,
        conventions: Conventions,
        on_refused: Callable[[RefusedRow], None],
        on_progress: Callable[[ImportProgress], None],
    ) -> Counter[Outcome]:
        """How many rows had each outcome, once every row has one.

        A negative amount is a refund. One that does not name its purchase is looked up after all
        purchases of the source are recorded, whatever their order in it.
        After an interruption the same import may simply run again: what was recorded then
        answers as a duplicate.

        Raises:
            Rejected: the source as a whole cannot be read.
            PartlyRecorded: the store stopped answering; every earlier row has its outcome.
        """
        call = _Call(self, conventions, on_refused, on_progress)
        matched_later = 0

        def first() -> Iterator[RawRow]:
            nonlocal matched_later
            for row in source.rows():
                if _is_matched_later(row):
                    matched_later += 1
                else:
                    yield row

        with closing(self.seen()) as seen:
            await call.take(first(), seen)
        if matched_later:
            with closing(self.seen()) as seen:
                await call.take(filter(_is_matched_later, source.rows()), seen)
        return call.counts


@dataclass(slots=True)
class _Call:
    """One import: what it was given, and how far it is."""

    service: ImportPurchases
    conventions: Conventions
    on_refused: Callable[[RefusedRow], None]
    on_progress: Callable[[ImportProgress], None]
    counts: Counter[Outcome] = field(default_factory=Counter)
    progress: int = 0

    async def take(self, rows: Iterator[RawRow], seen: SeenIds) -> None:
        """Every row has its outcome, and what was refused has been told."""
        while chunk := list(islice(rows, self.service.rows_at_once)):
            before = ImportProgress(rows=self.counts.total(), progress=self.progress)
            self.progress = max(self.progress, chunk[-1].progress)
            advance = _Advance(before, len(chunk), self.progress, self.on_progress)
            answers = await self.service.take_in(
                [_item(row) for row in chunk], conventions=self.conventions, on_answered=advance
            )
            outcomes = [
                _repeated(row, answer, seen) for row, answer in zip(chunk, answers, strict=True)
            ]
            for refused in _refused(chunk, outcomes):
                self.on_refused(refused)
            found = Counter(outcome.outcome for outcome in outcomes)
            self.counts.update(found)
            self.service.counted(found)
            self.on_progress(ImportProgress(rows=self.counts.total(), progress=self.progress))


@dataclass(frozen=True, slots=True)
class _Advance:
    """Tells progress within a chunk, in proportion to its rows that have an outcome."""

    before: ImportProgress
    rows: int
    progress: int
    on_progress: Callable[[ImportProgress], None]

    def __call__(self, answered: int) -> None:
        span = self.progress - self.before.progress
        self.on_progress(
            ImportProgress(
                rows=self.before.rows + answered,
                progress=self.before.progress + span * answered // self.rows,
            )
        )


def _repeated(row: RawRow, outcome: PurchaseOutcome, seen: SeenIds) -> PurchaseOutcome:
    """The outcome, or why not where an earlier row of this import has the same id.

    What came twice in one file is a line too many or an id too few: only a person can tell.
    """
    if row.raw is None or outcome.outcome not in _TAKEN or row.kind is RowKind.CANCELLATION:
        return outcome
    who, *ids = (normalize("NFC", str(row.raw.get(name))) for name in _IDENTITY)
    number, first = seen.count(f"{row.kind} {who}", "\n".join(ids), row.number)
    if number == 1 or outcome.outcome is Outcome.RECORDED:
        return outcome
    reason = f"is that of row {first} too; for several lines of one order use --order-lines"
    kind = Outcome.REJECTED if outcome.outcome is Outcome.DUPLICATE else outcome.outcome
    return replace(outcome, outcome=kind, field="purchase_id", reason=reason)


_IDENTITY = ("customer_id", "purchase_id", "refund_id", "refund_of", "refunded_so_far")
"""What two rows have in common only if they are about one stored purchase or refund.

Otherwise rows that were recorded by an interrupted import would be refused when it is repeated.
"""
_TAKEN = (Outcome.RECORDED, Outcome.DUPLICATE, Outcome.CONFLICT)


def _item(row: RawRow) -> Item:
    if row.raw is None:
        return Unreadable(row.text, row.field, row.problem or "")
    if row.kind is RowKind.REFUND:
        return RawRefund(row.raw, row.raw)
    if row.kind is RowKind.CANCELLATION:
        return _cancellation(row.raw)
    if (refund := credit_note(row.raw)) is not None:
        return RawRefund(refund, row.raw)
    return RawPurchase(row.raw)


def _cancellation(raw: Mapping[str, object]) -> Item:
    customer_id, purchase_id = raw.get("customer_id"), raw.get("purchase_id")
    if not isinstance(customer_id, str) or not isinstance(purchase_id, str):
        return Unreadable(raw, "cancelled", "must have customer_id and purchase_id, as text")
    return RawCancellation(customer_id, purchase_id, raw)


def _is_matched_later(row: RawRow) -> bool:
    """Whether the row is a refund whose purchase is still to be found."""
    if row.raw is None or row.kind is not RowKind.PURCHASE:
        return False
    refund = credit_note(row.raw)
    return refund is not None and refund.get("purchase_id") is None


def credit_note(raw: Mapping[str, object]) -> Mapping[str, object] | None:
    """A row with a negative amount as a refund; its own id is the refund's. None: it is no such.

    `refund_of` names the purchase; without it the category and the amount tell.
    """
    amounts = [name for name in ("amount", "amount_minor") if _is_negative(raw.get(name))]
    if len(amounts) != 1:
        return None
    names = {"purchase_id": "refund_id", "purchased_at": "refunded_at", "refund_of": "purchase_id"}
    (amount,) = amounts
    negative = cast("int | Decimal", raw[amount])
    return {names.get(name, name): value for name, value in raw.items()} | {amount: -negative}


def _is_negative(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value < 0
    return isinstance(value, int) and value < 0


def _refused(rows: Sequence[RawRow], outcomes: Sequence[PurchaseOutcome]) -> list[RefusedRow]:
    return [
        RefusedRow(
            row=row, outcome=result.outcome, field=result.field or "", reason=result.reason or ""
        )
        for row, result in zip(rows, outcomes, strict=True)
        if result.outcome in {Outcome.REJECTED, Outcome.CONFLICT}
    ]
