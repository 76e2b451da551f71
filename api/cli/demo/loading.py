"""Which households a demo holds, loaded in two parts: the second one while the first is served."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api import composition
from api.cli.import_run import refusals_path, run_import
from api.cli.output import say
from api.composition import Application
from domain.purchases import Conventions, ImportProgress, Outcome, PurchaseSource
from domain.values import MICROS_PER_DAY

FEW = 300
"""Households whose whole year is loaded: learning from few customers takes several dates."""
YEAR, PART = 53 * 7, 22 * 7
"""Days of purchases. The part has a window of 90 days, 30 to learn from and 30 to be tested on."""
FIRST = 800
"""Households that are loaded before anything is served; the others come while it is."""
Import = Callable[[Application, PurchaseSource], Counter[Outcome]]
_CONVENTIONS = Conventions(default_currency=True)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Customers of the sample, and when the newest of their purchases was.

    `newest_at` in microseconds since the epoch, UTC.
    """

    customers: Sequence[str]
    newest_at: int


def days_of(households: int) -> int:
    """How many days of purchases a demo of so many households has."""
    return YEAR if households <= FEW else PART


def load(  # which part of the sample, and how
    built: Application,
    households: int,
    *,
    days: int,
    without: int = 0,
    imported: Import | None = None,
) -> Loaded:
    """So many households are there, but for the first of them; what an earlier demo loaded stays."""
    sample = composition.sample_purchases(built.settings, households, without=without, days=days)
    loaded = Loaded(sample.customer_ids, sample.newest_at)
    marked = built.settings.home / "demo-households"
    count = f"{len(loaded.customers):,}{' more' if without else ''} households"
    if _reached(marked) >= households and _is_kept(built, loaded):
        say(f"      {count} of an earlier demo are there")
        return loaded
    say(
        f"      {sample.total:,} real purchases of {count}: those of the sample's "
        f"{households - without:,} that bought in its last {days // 7} weeks"
    )
    counts = (imported or with_a_bar)(built, sample)
    marked.write_text(str(households))
    said = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in Outcome if counts[outcome])
    say(f"      {count}: {said}")
    return loaded


def with_a_bar(built: Application, sample: PurchaseSource) -> Counter[Outcome]:
    """How many purchases had each outcome; a bar shows how far it is."""
    refusals = refusals_path(built.settings, "complete-journey")
    counts, _ = run_import(built.import_purchases, sample, refusals, conventions=_CONVENTIONS)
    return counts


def by_quarters(built: Application, sample: PurchaseSource) -> Counter[Outcome]:
    """As with_a_bar, with a line at each quarter: a server's log goes on beside it."""
    told = 0

    def on_progress(state: ImportProgress) -> None:
        nonlocal told
        if (quarter := 4 * state.progress // sample.total) > told:
            told = quarter
            say(f"      {25 * quarter} % of the other purchases are there")

    return asyncio.run(
        built.import_purchases(
            sample,
            conventions=_CONVENTIONS,
            on_refused=lambda row: say(f"      not recorded: {row.reason}"),
            on_progress=on_progress,
        )
    )


def _reached(marked: Path) -> int:
    return int(marked.read_text()) if marked.exists() else 0


def _is_kept(built: Application, loaded: Loaded) -> bool:
    """Whether the engine has the last of them: one that was killed has lost all since its start."""
    read = built.history.between(
        loaded.customers[-1], after=loaded.newest_at - YEAR * MICROS_PER_DAY, until=loaded.newest_at
    )
    return bool(asyncio.run(read))
