"""One import from its beginning to its end: its progress, and its refused rows."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import TextColumn

from api.cli.output import progress_bar, say
from api.cli.refused_rows import RefusedRows
from api.process import Settings
from domain.errors import PartlyRecorded
from domain.purchases import Conventions, ImportProgress, ImportPurchases, Outcome, PurchaseSource


def refusals_path(settings: Settings, name: str) -> Path:
    """Where the refused rows of an import that starts now go, unless told otherwise."""
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return settings.home / "rejected" / f"{name}.{started}.ndjson"


def run_import(
    import_purchases: ImportPurchases,
    source: PurchaseSource,
    refusals: Path,
    *,
    conventions: Conventions,
) -> tuple[Counter[Outcome], Path | None]:
    """How many rows had each outcome, and the file of the refused rows, None without any.

    Raises:
        PartlyRecorded: the store stopped answering; says how to go on.
    """
    refused = RefusedRows(refusals)
    rows = 0
    try:
        with import_progress("importing", source.total) as show, refused:

            def on_progress(state: ImportProgress) -> None:
                nonlocal rows
                rows = state.rows
                show(state)

            counts = asyncio.run(
                import_purchases(
                    source, conventions=conventions, on_refused=refused, on_progress=on_progress
                )
            )
    except (PartlyRecorded, KeyboardInterrupt):
        so_far = f"; those refused are in {refused.path}" if refused.path else ""
        say(f"stopped: the first {rows:,} rows are done{so_far}")
        say("run the same import again to go on: what was recorded is not doubled")
        raise
    return counts, refused.path


@contextmanager
def import_progress(what: str, total: int) -> Iterator[Callable[[ImportProgress], None]]:
    """Shows progress on stderr, with the rows per second; nothing where none is told."""
    rate = TextColumn("{task.fields[rate]}")
    with progress_bar(TextColumn("{task.percentage:>3.0f}%"), rate) as bar:
        task = bar.add_task(what, total=total, rate="")
        told = False

        def on_progress(state: ImportProgress) -> None:
            nonlocal told
            told = True
            elapsed = bar.tasks[0].elapsed or 0
            speed = f"{state.rows / elapsed:,.0f} rows/s" if elapsed else ""
            bar.update(task, completed=state.progress, rate=speed)

        try:
            yield on_progress
        finally:
            if not told:
                bar.remove_task(task)
