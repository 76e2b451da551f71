"""Commands that bring purchases in, and the tables and engine that hold them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import TextColumn

from api import bootstrap
from api.bootstrap import Application, application
from api.cli.output import AsJson, emit, progress_bar, say
from api.settings import Settings, load_settings
from domain.errors import PartlyRecorded, Rejected
from domain.importing import ImportProgress, RefusedRow
from domain.ingestion import Outcome
from domain.ports import PurchaseSource

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
    source, name = _source(settings, file, sample, households)
    refusals = rejected or settings.home / "rejected" / f"{name}.ndjson"
    with application(settings, batch=True) as built:
        built.tables.verify()
        counts = run_import(built, source, refusals)
    if ignored := getattr(source, "ignored", ()):
        say(f"columns that were not used: {', '.join(ignored)}")
    total = {str(outcome): counts[outcome] for outcome in Outcome}
    emit(
        {"rows": sum(counts.values()), **total, "refused_rows": str(refusals)},
        as_json=as_json,
        text=f"{sum(counts.values()):,} rows: "
        + ", ".join(f"{count:,} {outcome}" for outcome, count in total.items()),
    )
    refused = counts[Outcome.REJECTED] + counts[Outcome.CONFLICT]
    if refused:
        say(f"{refused:,} rows were not recorded; each is in {refusals} with its reason")
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


def run_import(built: Application, source: PurchaseSource, refusals: Path) -> Counter[Outcome]:
    """How many rows had each outcome; refused rows are in the file `refusals`.

    Raises:
        PartlyRecorded: the store stopped answering; says how to go on.
    """
    rate = TextColumn("{task.fields[rate]}")
    with (
        progress_bar(TextColumn("{task.percentage:>3.0f}%"), rate) as bar,
        _refusals(refusals) as write,
    ):
        task = bar.add_task("importing", total=source.total, rate="")

        def on_progress(state: ImportProgress) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            speed = f"{state.rows / elapsed:,.0f} rows/s" if elapsed else ""
            bar.update(task, completed=state.progress, rate=speed)

        try:
            return asyncio.run(
                built.import_purchases(source, on_refused=write, on_progress=on_progress)
            )
        except PartlyRecorded:
            say("run the same import again to go on: what was recorded is not doubled")
            raise


@contextmanager
def _refusals(path: Path) -> Generator[Callable[[RefusedRow], None], None, None]:
    """Writes refused rows as NDJSON; without any, there is no file afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:

        def write(refused: RefusedRow) -> None:
            document = {
                "row": refused.row.number,
                "outcome": refused.outcome,
                "field": refused.field,
                "reason": refused.reason,
                "raw": refused.row.raw,
            }
            # Not msgspec: a refused text may hold lone surrogates, which only ASCII JSON carries.
            file.write(json.dumps(document, default=str) + "\n")

        yield write
    if not path.stat().st_size:
        path.unlink()


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
    stopped = bootstrap.engine(load_settings()).stop()
    text = "stopped, its data is saved" if stopped else "no engine of this folder is running"
    emit({"stopped": stopped}, as_json=as_json, text=text)


@engine.command("status")
def engine_status(*, as_json: AsJson = False) -> None:
    """Whether the embedded engine runs."""
    found = bootstrap.engine(load_settings())
    answers, pid = found.answers, found.pid
    owner = f"pid {pid}" if pid else "not started from this folder"
    text = f"running on http://127.0.0.1:{found.port} ({owner})" if answers else "not running"
    emit({"running": answers, "port": found.port, "pid": pid}, as_json=as_json, text=text)
