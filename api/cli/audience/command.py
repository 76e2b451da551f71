"""The command that lists a category's customers for a campaign."""

import asyncio
import sys
from contextlib import ExitStack, nullcontext
from typing import Annotated, Literal

import typer

from api import composition
from api.cli.audience.report import NEW_TABLE_UNITS_PER_S, estimate_document, estimate_text
from api.cli.audience.run import ExportOptions, conclude, run_audience
from api.cli.audience.selection import Selection
from api.cli.audience.spreading import spread_audience, way_of_several
from api.cli.cost import Price
from api.cli.output import AsJson, emit, say
from api.cli.spreading import Spreading
from api.composition import application, exposed_metrics
from api.process import freeze_garbage, load_settings
from domain.audience import AudienceQuery, Holdout, Plan, ReadWay
from domain.cost import metered
from domain.errors import InvalidRequest, Rejected
from domain.prediction import check_as_of
from domain.purchases import MAX_CATEGORY_BYTES, name_of
from domain.values import instant

Format = Literal["csv", "ndjson", "parquet", "klaviyo", "braze", "mailchimp", "customerio"]
STREAMED = {"csv", "ndjson"}
LISTS_UNREAD = {"csv", "ndjson", "parquet"}
"""Campaign tools have no place for a customer without a probability."""


def audience(  # noqa: PLR0913  # one parameter per option
    category: Annotated[str, typer.Argument(help="Everyone who ever bought in it.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="Which model scores.", show_default="PROPENSITY_AUDIENCE_MODEL"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As known at this RFC 3339 instant.", show_default="now")
    ] = None,
    min_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only from this probability on.")
    ] = 0.0,
    max_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only up to this probability.")
    ] = 1.0,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many, the highest first.", show_default="everyone"),
    ] = None,
    holdout: Annotated[
        str, typer.Option(help="Share of the control group: always the same customers.")
    ] = "0%",
    way: Annotated[
        ReadWay | None, typer.Option(help="How purchases are read.", show_default="the cheaper one")
    ] = None,
    kind: Annotated[
        Format, typer.Option("--format", help="Columns, as a campaign tool imports them.")
    ] = "csv",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|s3://...",
            help="It appears once it is complete, else FILE.partial.",
            show_default="stdout",
        ),
    ] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV that Excel opens by a double click (UTF-8 BOM).")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Score in so many processes.", show_default="this one"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://...", help="Score on the workers of this Dask scheduler."),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            help="Folder or s3://... that all workers reach; the parts stay there.",
            show_default="a temporary folder, with --workers",
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print what it costs; read nothing of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a category's customers with their propensity.

    Exits with 1 when customers could not be read. Consent is the campaign tool's to know.
    """
    if not estimate:
        _check_output(kind, output, as_json=as_json)
    spreading = Spreading.of(processes=workers, scheduler=scheduler, parts=parts)
    if spreading is not None:
        way = way_of_several(way)
    category = name_of(category, "category", MAX_CATEGORY_BYTES)
    choice = Selection(
        at_least=min_probability, at_most=max_probability, top=top, with_unread=kind in LISTS_UNREAD
    )
    control_group = _holdout(holdout)
    settings = load_settings()
    price = Price.of_settings(settings)
    exposed = nullcontext() if estimate else exposed_metrics(settings)
    with (
        metered() as cost,
        exposed,
        application(settings, batch=True) as built,
        ExitStack() as stack,
    ):
        built.live.start()
        traffic, moment = built.audience_traffic(model), instant_option(as_of, built.clock())
        found = asyncio.run(
            built.plan_audience(
                category,
                as_of=moment,
                traffic=traffic,
                deadline_s=settings.batch_deadline_s,
                chosen=way,
            )
        )
        if estimate:
            document = {"category": category, **estimate_document(found, price)}
            emit(document, as_json=as_json, text=estimate_text(found, price))
            return
        say(f"reading by {found.way}: {found.why}")
        order = ExportOptions(
            choice=choice,
            holdout=control_group,
            price=price,
            cost=cost,
            expected=found.customers,
            on_screen=output is None and sys.stdout.isatty(),
        )
        files = composition.audience_files(
            kind,
            output,
            stdout=sys.stdout.buffer,
            holdout=control_group.basis_points > 0,
            excel=excel,
        )
        query = AudienceQuery(
            category=category,
            as_of=moment,
            traffic=traffic,
            deadline_s=settings.audience_deadline_s,
            way=found.way,
        )
        _warn_of_deadline(found, query.deadline_s)
        freeze_garbage()
        service = (
            built.audience
            if spreading is None
            else stack.enter_context(spread_audience(spreading, built, query))
        )
        report = run_audience(service, query, order, files, progress=built.progress)
    conclude(report, as_json=as_json)


def _check_output(kind: Format, output: str | None, *, as_json: bool) -> None:
    if output is None and as_json:
        raise Rejected("--json", "goes with --output or --estimate: stdout holds the audience")
    if output is None and kind not in STREAMED:
        raise Rejected("--format", f"{kind} needs --output FILE")


def _holdout(share: str) -> Holdout:
    try:
        return Holdout.parse(share)
    except ValueError as exc:
        raise Rejected("--holdout", str(exc)) from exc


def _warn_of_deadline(found: Plan, deadline_s: float) -> None:
    least_s = found.least_seconds(NEW_TABLE_UNITS_PER_S)
    if least_s > deadline_s:
        say(
            f"a new table needs {least_s:,.0f} s for this, but PROPENSITY_AUDIENCE_DEADLINE_S is "
            f"{deadline_s:,.0f}; customers not read by then are reported as unread"
        )


def instant_option(text: str | None, now: int, *, option: str = "--as-of") -> int:
    """The instant that an option names, in microseconds since the epoch, UTC; without any, now.

    Raises:
        InvalidRequest: it is none, or purchases until then are not known.
    """
    if text is None:
        return now
    try:
        moment = instant.parse(text)
    except ValueError as exc:
        raise InvalidRequest(option, str(exc)) from exc
    check_as_of(moment, now=now)
    return moment
