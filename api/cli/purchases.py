"""The command that imports purchases, refunds and cancellations."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from msgspec import json, structs

from api import composition
from api.cli.cost import Price, cost_text
from api.cli.dry_run import dry_run
from api.cli.import_run import refusals_path, run_import
from api.cli.output import AsJson, emit, say
from api.cli.spreading import Spreading
from api.composition import Application, application, exposed_metrics
from api.documents.cost import cost_used
from api.intake import zone_of
from api.process import Settings, load_settings
from domain.cost import Cost, metered
from domain.errors import Rejected
from domain.purchases import Conventions, ImportPurchases, Outcome, PurchaseSource, RowKind

if TYPE_CHECKING:
    from api.cli.bulk_import import BulkImport

INCOMPLETE = 1
_KINDS = {
    "purchases": RowKind.PURCHASE,
    "refunds": RowKind.REFUND,
    "cancellations": RowKind.CANCELLATION,
}


def import_purchases(  # noqa: PLR0913  # one argument per documented option
    file: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, NDJSON, JSON, Parquet or .xlsx, also .gz or .zst; - is standard input.",
            show_default=False,
        ),
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
    kind: Annotated[
        Literal["purchases", "refunds", "cancellations"], typer.Option(help="What the rows are.")
    ] = "purchases",
    profile: Annotated[
        Literal["shopify", "woocommerce"] | None,
        typer.Option(help="Whose export it is.", show_default=False),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="A TOML file that says how the file differs.", show_default=False),
    ] = None,
    order_lines: Annotated[
        bool, typer.Option("--order-lines", help="purchase_id names an order: number its lines.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Where times without a zone are meant, such as Europe/Berlin.", show_default=False
        ),
    ] = None,
    ids_as_written: Annotated[
        bool,
        typer.Option(
            "--ids-as-written", help="Take ids that a spreadsheet seems to have damaged, as 123.0."
        ),
    ] = False,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Report what would happen; write nothing.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Import in so many processes.", show_default="this one"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://...", help="Import on the workers of this Dask scheduler."),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            help="Folder or s3://... that all workers reach; the same import goes on from there.",
            show_default="a temporary folder, with --workers",
        ),
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
    or amount_minor; currency is optional. A negative amount is a refund. Exits with 1 when rows
    were refused.
    """
    settings = load_settings()
    if rejected is not None and rejected.exists():
        raise Rejected("--rejected", f"{rejected} exists already; name a new file")
    spreading = Spreading.of(processes=workers, scheduler=scheduler, parts=parts)
    said = composition.file_mapping(profile, mapping)
    said = structs.replace(said, order_lines=said.order_lines or order_lines)
    zone = timezone or said.timezone
    conventions = Conventions(
        default_currency=True,
        ids_as_written=ids_as_written,
        timezone=zone_of(zone),
        refunds_matched=True,
        refunds_undated=said.columns.order_refunded is not None,
    )
    digest: Callable[[], str] | None = None
    source: PurchaseSource
    if sample is not None or file is None:
        source, name = _sample(settings, file, sample, households)
    elif households is not None:
        raise Rejected("--households", "goes with --sample only")
    else:
        source = opened = composition.file_purchases(file, said, _KINDS[kind])
        name, digest = _named(file, opened.notes), opened.digest
    bulk: BulkImport | None = None
    if spreading is not None:
        of = {
            "FILE": _digest(digest, dry=dry),
            "--kind": kind,
            "--mapping, --profile or --order-lines": json.encode(said).decode(),
            "--timezone": zone or "",
            "--ids-as-written": str(ids_as_written),
        }
        bulk = _bulk_import(spreading, conventions, zone, of)
    exposed = nullcontext() if dry else exposed_metrics(settings)
    with exposed, application(settings, batch=True) as built:
        if dry:
            if dry_run(built.check_purchases, source, conventions, as_json=as_json):
                raise typer.Exit(INCOMPLETE)
            return
        built.tables.verify()
        refusals = rejected or refusals_path(settings, name)
        with metered() as cost:
            counts, refused = (
                bulk.run(built, source, refusals)
                if bulk
                else run_import(_counted(built), source, refusals, conventions=conventions)
            )
    if ignored := getattr(source, "ignored", ()):
        say(f"columns that were not used: {', '.join(ignored)}")
    _conclude(counts, refused, cost, Price.of_settings(settings), as_json=as_json)


def _counted(built: Application) -> ImportPurchases:
    """The import, counted as it goes."""
    return replace(built.import_purchases, counted=built.progress.imported)


def _named(file: Path, notes: Sequence[str]) -> str:
    """What a file is called; how it was read has been said, where that is not the common way."""
    name = "stdin" if str(file) == "-" else file.name
    if notes:
        say(f"{name}: {', '.join(notes)}")
    return name


def _digest(digest: Callable[[], str] | None, *, dry: bool) -> str:
    """What tells the file from another that several processes import."""
    if dry or digest is None:
        raise Rejected("--dry-run" if dry else "--sample", "goes without --workers and --scheduler")
    return digest()


def _bulk_import(
    spreading: Spreading, conventions: Conventions, timezone: str | None, of: Mapping[str, str]
) -> "BulkImport":
    from api.cli.bulk_import import BulkImport

    return BulkImport(spreading=spreading, conventions=conventions, timezone=timezone, of=of)


def _conclude(
    counts: Counter[Outcome], refused_rows: Path | None, cost: Cost, price: Price, *, as_json: bool
) -> None:
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


def _sample(
    settings: Settings, file: Path | None, sample: str | None, households: int | None
) -> tuple[PurchaseSource, str]:
    if (file is None) == (sample is None):
        raise Rejected("FILE", "name one file, or --sample complete-journey, but not both")
    journey = composition.sample_purchases(settings, households)
    say(
        f"{journey.total:,} purchases of the sample, {journey.zero_totals:,} of them free of "
        f"charge and kept with amount 0; {journey.negative_totals:,} negative ones"
    )
    return journey, str(sample)
