"""Import purchases from a source: bounded memory, and a repeated import changes nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.purchases.ports import PurchaseSource, RawRow
from domain.purchases.recording import Outcome, PurchaseOutcome, RecordPurchases

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
    """Feeds the rows of a source to RecordPurchases, many at a time."""

    record: RecordPurchases

    async def __call__(
        self,
        source: PurchaseSource,
        /,
        *,
        on_refused: Callable[[RefusedRow], None],
        on_progress: Callable[[ImportProgress], None],
    ) -> Counter[Outcome]:
        """How many rows had each outcome, once every row has one.

        A missing currency means the deployment's own. After an interruption the same import
        may simply run again: what was recorded then answers as a duplicate.

        Raises:
            Rejected: the source as a whole cannot be read.
            PartlyRecorded: the store stopped answering; every earlier row has its outcome.
        """
        counts: Counter[Outcome] = Counter()
        told = ImportProgress(rows=0, progress=0)
        rows = source.rows()
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            readable = [row for row in chunk if row.raw is not None]
            advance = _Advance(told, chunk, len(chunk) - len(readable), on_progress)
            outcomes = await self.record(
                [row.raw for row in readable], default_currency=True, on_answered=advance
            )
            refused = [*_unreadable(chunk), *_refused(readable, outcomes)]
            for one in sorted(refused, key=lambda refused: refused.row.number):
                on_refused(one)
            counts.update(outcome.outcome for outcome in outcomes)
            counts.update(Outcome.REJECTED for row in chunk if row.raw is None)
            told = ImportProgress(rows=counts.total(), progress=chunk[-1].progress)
            on_progress(told)
        return counts


@dataclass(frozen=True, slots=True)
class _Advance:
    """Tells progress within a chunk, in proportion to its rows that have an outcome."""

    before: ImportProgress
    chunk: Sequence[RawRow]
    unreadable: int
    on_progress: Callable[[ImportProgress], None]

    def __call__(self, answered: int) -> None:
        done = self.unreadable + answered
        span = self.chunk[-1].progress - self.before.progress
        self.on_progress(
            ImportProgress(
                rows=self.before.rows + done,
                progress=self.before.progress + span * done // len(self.chunk),
            )
        )


def _unreadable(rows: Sequence[RawRow]) -> list[RefusedRow]:
    return [
        RefusedRow(row=row, outcome=Outcome.REJECTED, field="row", reason=row.problem or "")
        for row in rows
        if row.raw is None
    ]


def _refused(rows: Sequence[RawRow], outcomes: Sequence[PurchaseOutcome]) -> list[RefusedRow]:
    return [
        RefusedRow(
            row=row, outcome=result.outcome, field=result.field or "", reason=result.reason or ""
        )
        for row, result in zip(rows, outcomes, strict=True)
        if result.outcome in {Outcome.REJECTED, Outcome.CONFLICT}
    ]
