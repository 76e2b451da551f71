"""Commands about the log of decisions: what it holds, and keeping it in order."""

from typing import Annotated

import msgspec
import typer

from api.cli.output import AsJson, emit, table
from api.composition import open_decision_log, tidy_decisions
from api.documents.decisions import DecisionReport, LoggedHourReport, TidiedReport
from api.process import load_settings
from domain.errors import NotFound
from domain.values.instant import MICROS_PER_HOUR

app = typer.Typer(
    help="The log of decisions: what it holds, and keeping it in order.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("list")
def list_hours(
    *,
    hours: Annotated[
        int, typer.Option(min=1, max=87_600, help="How many hours back; each is read.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """List the hours of the log: files, decisions, bytes."""
    log = open_decision_log(load_settings())
    end = log.clock() + MICROS_PER_HOUR
    reports = list(map(LoggedHourReport.of, log.hours(end - (hours + 1) * MICROS_PER_HOUR, end)))
    rows = [(r.hour, f"{r.files:,}", f"{r.decisions:,}", f"{r.size_bytes:,}") for r in reports]
    emit(reports, as_json=as_json, text=table("hour", "files", "decisions", "bytes", rows=rows))


@app.command("show")
def show(
    decision: Annotated[str, typer.Argument(help="The decision's id, as the caller was told.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The only form, and the default.")] = True,
) -> None:
    """Show one decision as it was logged, with the customer and the features."""
    del as_json
    found = open_decision_log(load_settings()).find(decision)
    if found is None:
        raise NotFound(f"no decision {decision} is in the log: it was not logged, or is not kept")
    typer.echo(
        msgspec.json.format(msgspec.json.encode(DecisionReport.of(found)), indent=2).decode()
    )


@app.command("tidy")
def tidy(*, as_json: AsJson = False) -> None:
    """Merge hours that are over, remove old ones, and take erased customers out; safe at any time."""
    report = TidiedReport.of(tidy_decisions(load_settings())())
    text = (
        f"{report.hours_merged:,} hours merged, {report.hours_removed:,} hours removed as too old; "
        f"{report.decisions_erased:,} decisions lost their customer; {report.erasures_done:,} "
        f"erasures done, {report.erasures_left:,} left"
    )
    if report.erasures_left:
        text += ": run it again two hours after they were asked for"
    emit(report, as_json=as_json, text=text)
