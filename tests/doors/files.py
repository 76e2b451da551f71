"""A file that somebody sends, imported into a store in memory, and what became of each row."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from adapters.purchase_files import FileOptions, open_purchase_file
from adapters.seen_ids import TemporarySeenIds
from domain.purchases import Conventions, ImportPurchases, Outcome, Purchase, RefusedRow
from domain.values import instant
from tests.builders import take_in
from tests.doubles.store import ReferenceStore

CASES = Path(__file__).parent / "cases"
PLAIN = Conventions(default_currency=True, refunds_matched=True)
NOW = instant.parse("2026-12-01T00:00:00Z")


@dataclass(kw_only=True)
class Imported:
    """The store after an import, how many rows had each outcome, and the refused ones."""

    store: ReferenceStore = field(default_factory=lambda: ReferenceStore(clock=lambda: NOW))
    counts: dict[str, int] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def purchases(self) -> list[Purchase]:
        return list(self.store.purchases.values())

    @property
    def rows_refused(self) -> dict[int, tuple[str, str]]:
        """Outcome and field by row number."""
        return {each.row.number: (each.outcome, each.field) for each in self.refused}


def imported(
    path: Path,
    conventions: Conventions | None = None,
    *,
    options: FileOptions | None = None,
    into: Imported | None = None,
) -> Imported:
    """The outcome of importing this file, as `propensity import` does."""
    done = Imported() if into is None else Imported(store=into.store)
    counts = asyncio.run(
        ImportPurchases(
            seen=TemporarySeenIds,
            take_in=take_in(
                done.store,
                canceller=done.store,
                refunder=done.store,
                history=done.store,
                clock=lambda: NOW,
            ),
        )(
            open_purchase_file(path, options or FileOptions()),
            conventions=conventions or PLAIN,
            on_refused=done.refused.append,
            on_progress=lambda _: None,
        )
    )
    done.counts = {str(kind): counts[kind] for kind in Outcome if counts[kind]}
    return done
