"""Import purchases from a source: bounded memory, and a repeated import changes nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.purchases.conventions import Conventions
from domain.purchases.intake import Item, RawPurchase, TakeIn, Unreadable
from domain.purchases.ports import PurchaseSource, RawRow
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
    """Takes in the rows of a source, many at a time."""

    take_in: TakeIn

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

        After an interruption the same import may simply run again: what was recorded then
        answers as a duplicate.

        Raises:
            Rejected: the source as a whole cannot be read.
            PartlyRecorded: the store stopped answering; every earlier row has its outcome.
        """
        counts: Counter[Outcome] = Counter()
        before = ImportProgress(rows=0, progress=0)
        rows = source.rows()
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            advance = _Advance(before, chunk, on_progress)
            outcomes = await self.take_in(
                [_item(row) for row in chunk], conventions=conventions, on_answered=advance
            )
            for refused in _refused(chunk, outcomes):
                on_refused(refused)
            counts.update(outcome.outcome for outcome in outcomes)
            before = ImportProgress(rows=counts.total(), progress=chunk[-1].progress)
            on_progress(before)
        return counts


@dataclass(frozen=True, slots=True)
class _Advance:
    """Tells progress within a chunk, in proportion to its rows that have an outcome."""

    before: ImportProgress
    chunk: Sequence[RawRow]
    on_progress: Callable[[ImportProgress], None]

    def __call__(self, answered: int) -> None:
        span = self.chunk[-1].progress - self.before.progress
        self.on_progress(
            ImportProgress(
                rows=self.before.rows + answered,
                progress=self.before.progress + span * answered // len(self.chunk),
            )
        )


def _item(row: RawRow) -> Item:
    if row.raw is None:
        return Unreadable(row.text, "row", row.problem or "")
    return RawPurchase(row.raw)


def _refused(rows: Sequence[RawRow], outcomes: Sequence[PurchaseOutcome]) -> list[RefusedRow]:
    return [
        RefusedRow(
            row=row, outcome=result.outcome, field=result.field or "", reason=result.reason or ""
        )
        for row, result in zip(rows, outcomes, strict=True)
        if result.outcome in {Outcome.REJECTED, Outcome.CONFLICT}
    ]
