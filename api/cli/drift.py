"""The command that shows whether the customers asked about are like those of training."""

from typing import Annotated

import typer
from msgspec import to_builtins
from rich.table import Table

from api.cli.comparison import Name, number_of
from api.cli.output import AsJson, emit, say, table
from api.composition import open_registry, presence_only
from api.documents.drift import DriftReport, InputDrift, MeasureReport
from api.process import load_settings
from domain.errors import InvalidRequest
from model_registry.serving import AskedDays, DriftState, drift_on
from model_registry.serving.asked import day_of, parsed

DRIFTS = 1


def drift(
    name: Name,
    version: Annotated[
        str, typer.Argument(help="A version's number, or champion or challenger.")
    ] = "champion",
    *,
    day: Annotated[
        str | None, typer.Option(help="Of UTC, such as 2026-11-29.", show_default="today")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another day of the version.", show_default="training")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the customers asked about on a day with those of training; exits with 1 on drift."""
    settings = load_settings()
    registry, presence = open_registry(settings), presence_only(settings)
    manifest = registry.version(name, number_of(registry, name, version))
    found = drift_on(
        AskedDays(store=presence.store),
        name,
        manifest.version,
        registry.reference(manifest),
        day=day_of(presence.clock()) if day is None else _day("--day", day),
        against=None if against is None else _day("--against", against),
    )
    report = DriftReport.of(found)
    text = _table(report.inputs) if report.inputs else report.why_not
    emit(to_builtins(report), as_json=as_json, text=text)
    say(report.summary)
    if found.state is DriftState.DRIFT:
        raise typer.Exit(DRIFTS)


def _day(option: str, text: str) -> int:
    try:
        return parsed(text)
    except ValueError as exc:
        raise InvalidRequest(option, f"{text!r:.40} is no day; give one as 2026-11-29") from exc


def _table(inputs: list[InputDrift]) -> Table:
    columns = ("input", "stability index", "", "distance", "missing then", "now", "drift")
    rows = [
        [
            each.input,
            _cell(each.population_stability),
            each.words,
            _cell(each.jensen_shannon_distance),
            f"{each.missing_then:.1%}",
            f"{each.missing_now:.1%}",
            "*" if each.drifted else "",
        ]
        for each in inputs
    ]
    return table(*columns, rows=rows)


def _cell(measure: MeasureReport) -> str:
    """The value beside what chance alone does not pass."""
    return f"{measure.value:.3f} of {measure.threshold:.3f}"
