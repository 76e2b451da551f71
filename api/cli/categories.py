"""Commands about categories: how large they are, and over how many partitions each is spread."""

import asyncio
from typing import Annotated

import typer
from msgspec import Meta, Struct

from api.cli.audit import audited
from api.cli.cost import cost_text
from api.cli.output import AsJson, confirmed, emit, table
from api.composition import application
from api.documents.cost import CostUsed, cost_used
from api.process import load_settings
from domain.audit import Act, Target
from domain.cost import metered
from domain.purchases import MAX_CATEGORY_BYTES, name_of

WRITES_PER_SECOND = 1_000
"""What one partition of an index takes. Source: AWS, "Best practices for partition keys"."""

app = typer.Typer(
    help="Categories: how large they are, and how fast each takes purchases.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


class CategoryReport(Struct, frozen=True, kw_only=True):
    """One category."""

    category: str
    approximate_customers: int
    partitions: int
    purchases_per_second: Annotated[int, Meta(description="What it takes at most.")]


class SpreadReport(Struct, frozen=True, kw_only=True):
    """A category that is spread over `partitions` now; `before` is how many there were."""

    category: str
    before: int
    partitions: int
    purchases_per_second: Annotated[int, Meta(description="What it takes at most.")]
    cost: CostUsed


@app.command("list")
def list_categories(*, as_json: AsJson = False) -> None:
    """List every category: its customers, its partitions, and the purchases a second it takes."""
    with application(load_settings(), batch=True) as built:
        found = asyncio.run(built.index.categories())
    reports = [
        CategoryReport(
            category=category,
            approximate_customers=size.customers,
            partitions=size.partitions,
            purchases_per_second=size.partitions * WRITES_PER_SECOND,
        )
        for category, size in found.items()
    ]
    columns = ("category", "customers (about)", "partitions", "purchases a second")
    rows = [
        (
            report.category,
            f"{report.approximate_customers:,}",
            report.partitions,
            f"{report.purchases_per_second:,}",
        )
        for report in reports
    ]
    emit(reports, as_json=as_json, text=table(*columns, rows=rows))


@app.command("spread")
def spread(
    category: Annotated[str, typer.Argument(help="The category, as `categories list` shows it.")],
    *,
    partitions: Annotated[
        int, typer.Option(help="32, 64, 128, 256 or 512; each takes 1,000 purchases a second.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Spread without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Spread a category over more partitions of its index for good, while everything runs.

    Readers know of it at once, and writers within a minute. Nothing that is stored moves. The
    number cannot be lowered, so this asks first.
    """
    category = name_of(category, "category", MAX_CATEGORY_BYTES)
    settings = load_settings()
    with application(settings, batch=True) as built, metered() as cost:
        before = asyncio.run(built.category_partitions.before(category, partitions))
        if before < partitions:
            if not yes:
                confirmed(
                    f"{category!r} gets {partitions} partitions instead of {before}. Each page of "
                    f"an audience then asks {partitions // built.index.shards} of them. The "
                    "number cannot be lowered. Spread it for good?"
                )
            with audited(settings, Act.SPREAD, Target.CATEGORY, category):
                asyncio.run(built.category_partitions.raise_to(category, partitions))
    report = SpreadReport(
        category=category,
        before=before,
        partitions=partitions,
        purchases_per_second=partitions * WRITES_PER_SECOND,
        cost=cost_used(cost),
    )
    emit(report, as_json=as_json, text=f"{_described(report)}\n{cost_text(cost)}")


def _described(report: SpreadReport) -> str:
    if report.before == report.partitions:
        return f"{report.category!r} has {report.partitions} partitions already"
    return (
        f"spread {report.category!r} over {report.partitions} partitions instead of "
        f"{report.before}; within a minute it takes {report.purchases_per_second:,} purchases a "
        "second"
    )
