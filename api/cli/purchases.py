"""Commands that bring purchases in, and the tables and engine that hold them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import TextColumn

from api import bootstrap
from api.bootstrap import Application, application
from api.cli.cost import Price, cost_text
from api.cli.output import AsJson, emit, progress_bar, say
from api.cli.refused_rows import RefusedRows
from api.documents import cost_used
from api.process import Settings, load_settings
from domain.cost import metered
from domain.errors import PartlyRecorded, Rejected
from domain.purchases import ImportProgress, Outcome, PurchaseSource

tables = typer.Typer(help="The DynamoDB tables.", no_args_is_help=True)
engine = typer.Typer(help="The embedded DynamoDB engine.", no_args_is_help=True)

INCOMPLETE = 1


def import_purchases(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV, NDJSON or Parquet file.", show_default=False)
    ] = None,
    *,
    sample: Annotated[
        Literal["complete-journey"] | None,
        typer.Option(help="Real sample data instead of a file.", show_default=False),
    ] = None,
    households: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many households of the sample.", show_default=False),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(
            help="Where refused rows go, as NDJSON.", show_default="under the home folder"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record purchases from a file; running it again doubles nothing.

    Columns: customer_id, purchase_id, purchased_at (RFC 3339), category, and amount (major units)
    or amount_minor; currency is optional. Exits with 1 when rows were refused.
    """
    settings = load_settings()
    if rejected is not None and rejected.exists():
        raise Rejected("--rejected", f"{rejected} exists already; name a new file")
    source, name = _source(settings, file, sample, households)
    refusals = rejected or refusals_path(settings, name)
    with application(settings, batch=True) as built:
        built.tables.verify()
        with metered() as cost:
            counts, refused_rows = run_import(built, source, refusals)
    if ignored := getattr(source, "ignored", ()):
        say(f"columns that were not used: {', '.join(ignored)}")
    price = Price.of_settings(settings)
    total = {str(outcome): counts[outcome] for outcome in Outcome}
    emit(
        {
            "rows": sum(counts.values()),
            **total,
            "refused_rows": refused_rows and str(refused_rows),
            "cost": cost_used(cost),
            "price_usd": price.of(cost.reads.total, cost.writes.total),
        },
        as_json=as_json,
        text=f"{sum(counts.values()):,} rows: "
        + ", ".join(f"{count:,} {outcome}" for outcome, count in total.items())
        + f"\n{cost_text(cost)}\n{price.text(cost.reads.total, cost.writes.total)}",
    )
    if refused_rows:
        refused = counts[Outcome.REJECTED] + counts[Outcome.CONFLICT]
        say(f"{refused:,} rows were not recorded; each is in {refused_rows} with its reason")
        raise typer.Exit(INCOMPLETE)


def _source(
    settings: Settings, file: Path | None, sample: str | None, households: int | None
) -> tuple[PurchaseSource, str]:
    if (file is None) == (sample is None):
        raise Rejected("FILE", "name one file, or --sample complete-journey, but not both")
    if sample is not None:
        journey = bootstrap.sample_purchases(settings, households)
        say(
            f"{journey.total:,} purchases of the sample, {journey.zero_totals:,} of them free of "
            f"charge and kept with amount 0; {journey.negative_totals:,} negative ones"
        )
        return journey, sample
    if file is None or households is not None:
        raise Rejected("--households", "goes with --sample only")
    return bootstrap.file_purchases(file), file.name


def refusals_path(settings: Settings, name: str) -> Path:
    """Where the refused rows of an import that starts now go, unless told otherwise."""
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return settings.home / "rejected" / f"{name}.{started}.ndjson"


def run_import(
    built: Application, source: PurchaseSource, refusals: Path
) -> tuple[Counter[Outcome], Path | None]:
    """How many rows had each outcome, and the file of the refused rows, None without any.

    Raises:
        PartlyRecorded: the store stopped answering; says how to go on.
    """
    rate = TextColumn("{task.fields[rate]}")
    refused = RefusedRows(refusals)
    rows = 0
    try:
        with progress_bar(TextColumn("{task.percentage:>3.0f}%"), rate) as bar, refused:
            task = bar.add_task("importing", total=source.total, rate="")

            def on_progress(state: ImportProgress) -> None:
                nonlocal rows
                rows = state.rows
                elapsed = bar.tasks[0].elapsed or 0
                speed = f"{rows / elapsed:,.0f} rows/s" if elapsed else ""
                bar.update(task, completed=state.progress, rate=speed)

            counts = asyncio.run(
                built.import_purchases(source, on_refused=refused, on_progress=on_progress)
            )
    except (PartlyRecorded, KeyboardInterrupt):
        so_far = f"; those refused are in {refused.path}" if refused.path else ""
        say(f"stopped: the first {rows:,} rows are done{so_far}")
        say("run the same import again to go on: what was recorded is not doubled")
        raise
    return counts, refused.path


@tables.command("create")
def create_tables(*, as_json: AsJson = False) -> None:
    """Create the tables that do not exist yet, and check the ones that do."""
    with application(load_settings(), batch=True) as built:
        created = built.tables.create()
    text = f"created {', '.join(created)}" if created else "nothing to create: every table is there"
    emit({"created": created}, as_json=as_json, text=text)


@tables.command("check")
def check_tables(*, as_json: AsJson = False) -> None:
    """Compare the live tables' keys, indexes and TTL with what this version needs."""
    with application(load_settings()) as built:
        built.tables.verify()
    emit({"tables": "ok"}, as_json=as_json, text="keys, indexes and TTL are as they must be")


@engine.command("start")
def start_engine(*, as_json: AsJson = False) -> None:
    """Start the embedded engine on loopback; its data is under the home folder.

    It writes its data to disk when it is stopped: a kill loses what came since its start.
    """
    found = bootstrap.engine(load_settings())
    started = found.start()
    text = f"{'started' if started else 'already running'} on http://127.0.0.1:{found.port}"
    emit({"started": started, "port": found.port, "pid": found.pid}, as_json=as_json, text=text)


@engine.command("stop")
def stop_engine(*, as_json: AsJson = False) -> None:
    """Stop the embedded engine; its data is on disk afterwards."""
    found = bootstrap.engine(load_settings())
    stopped = found.stop()
    nothing = f"no engine of this folder is running on port {found.port}"
    text = "stopped, its data is saved" if stopped else nothing
    emit({"stopped": stopped}, as_json=as_json, text=text)


@engine.command("status")
def engine_status(*, as_json: AsJson = False) -> None:
    """Whether this folder's embedded engine runs."""
    found = bootstrap.engine(load_settings())
    answers, pid = found.answers, found.pid
    where = f"on http://127.0.0.1:{found.port}"
    if pid is None:
        stranger = f"; another engine answers {where}, not started from this folder"
        text = "not running" + (stranger if answers else "")
    else:
        text = f"{'running' if answers else 'not answering'} {where} (pid {pid})"
    running = answers and pid is not None
    emit({"running": running, "port": found.port, "pid": pid}, as_json=as_json, text=text)
