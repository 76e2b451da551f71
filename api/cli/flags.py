"""Commands about flags: whether what they decide works."""

import asyncio
from typing import Annotated

import typer

from api import composition
from api.cli.campaigns.report import flag_results_text
from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, progress_bar, say
from api.cli.period import From, Until, period
from api.composition import application
from api.documents.campaign_results import FlagResultsReport
from api.process import load_settings
from domain.cost import metered
from domain.errors import UnknownFlag
from domain.values import MICROS_PER_DAY

app = typer.Typer(
    help="Flags: whether what they decide sells more.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
PARTIAL = 1
PERIOD_DAYS = 30


@app.callback()
def flags() -> None:
    """Flags: whether what they decide sells more."""


@app.command("results")
def results(
    flag: Annotated[str, typer.Argument(help="The flag's key, such as promotion-banner.")],
    *,
    days: Annotated[
        int, typer.Option(min=1, max=365, help="Purchases count for so many days after it.")
    ] = 30,
    since: From = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Measure what customers of a flag bought against those whom it holds out, from the log of decisions.

    Each counts from the first decision in the period on. Without --until the period ends so many
    --days ago, so that nobody's days go on. Without --from it is of 30 days. Every look is kept.
    Exits with 1 when customers could not be read.
    """
    settings = load_settings()
    declared = composition.flags_of(settings)
    if flag not in declared:
        raise UnknownFlag(f"no flag {flag!r} is declared; there are {', '.join(sorted(declared))}")
    with metered() as cost, application(settings, batch=True) as built, progress_bar() as bar:
        ended = built.clock() - days * MICROS_PER_DAY if until is None else built.clock()
        start, end = period(since, until, now=ended, length_us=PERIOD_DAYS * MICROS_PER_DAY)
        measure = composition.measure_flag(built, declared[flag])
        task = bar.add_task("reading the log", total=None)
        found = asyncio.run(
            measure(
                declared[flag],
                start=start,
                end=end,
                days=days,
                on_progress=lambda what, done, total: bar.update(
                    task, description=what, completed=done, total=total or None
                ),
            )
        )
    if not found.results.unread:
        composition.flag_records(settings).keep(found)
    report = FlagResultsReport.of(found, settings.currency)
    say(cost_text(cost))
    emit(report, as_json=as_json, text=flag_results_text(report))
    if found.results.unread:
        say(
            f"PARTIAL: customers not read before the deadline: {found.results.unread:,}; nothing was "
            "kept; run it again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
        )
        raise typer.Exit(PARTIAL)
