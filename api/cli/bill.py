"""The command that computes what a month costs, before anything is bought."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Annotated

import typer

from api.cli.output import AsJson, emit
from api.process import load_settings
from domain.bill import Prices, Shop, Sizes
from domain.bill.prices import GB
from domain.errors import Rejected

_NAMES = [each.name for each in fields(Prices)]


def costs(  # noqa: PLR0913  # each is an option
    *,
    customers: Annotated[int, typer.Option(min=1, help="Customers who ever bought.")],
    purchases_a_month: Annotated[int, typer.Option(min=0, help="Lines of orders.")],
    predictions_a_month: Annotated[int, typer.Option(min=0)] = 0,
    audiences_a_month: Annotated[int, typer.Option(min=0)] = 0,
    purchases_an_order: Annotated[
        int, typer.Option(min=1, help="Purchases of a customer that come in one call.")
    ] = 1,
    categories: Annotated[int, typer.Option(min=1)] = 20,
    categories_each: Annotated[
        int, typer.Option(min=1, help="Categories that one customer buys in.")
    ] = 5,
    months_kept: Annotated[int, typer.Option(min=1, help="Months of purchases stored.")] = 12,
    writers: Annotated[int, typer.Option(min=1, help="Processes that record purchases.")] = 2,
    id_bytes: Annotated[int, typer.Option(min=1, help="Length of an id; a UUID has 36.")] = 36,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of a provisioned capacity that is used.")
    ] = 0.5,
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=USD", help=f"Another price, any of {', '.join(_NAMES)}; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what a month costs at DynamoDB: units, storage and US dollars. It asks no store.

    Everything is spread evenly over customers, categories and hours. Prices are those of us-east-1;
    check them.
    """
    settings = load_settings()
    prices = _changed(
        Prices(
            read_million=settings.read_price_per_million,
            write_million=settings.write_price_per_million,
        ),
        price or [],
    )
    shop = Shop(
        customers=customers,
        purchases=purchases_a_month,
        predictions=predictions_a_month,
        audiences=audiences_a_month,
        purchases_an_order=purchases_an_order,
        categories=categories,
        categories_each=categories_each,
        months_kept=months_kept,
        recent_days=settings.recent_days,
        writers=writers,
        sizes=Sizes(customer_id=id_bytes, purchase_id=id_bytes),
    )
    emit(
        _document(shop, prices, utilisation), as_json=as_json, text=_text(shop, prices, utilisation)
    )


def _changed(prices: Prices, changes: Sequence[str]) -> Prices:
    """The prices with these instead.

    Raises:
        Rejected: one is no price, or of nothing.
    """
    for change in changes:
        name, _, text = change.partition("=")
        if name not in _NAMES:
            raise Rejected("--price", f"{name!r} is no price; give one of {', '.join(_NAMES)}")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise Rejected("--price", f"{change!r} needs US dollars, such as {name}=0.25")
        prices = replace(prices, **{name: value})
    return prices


def _document(shop: Shop, prices: Prices, utilisation: float) -> dict[str, object]:
    return {
        "shop": asdict(shop),
        "prices_usd": asdict(prices),
        "utilisation": utilisation,
        "lines": [
            {
                **asdict(line),
                "on_demand_usd": prices.on_demand(reads=line.reads, writes=line.writes),
                "provisioned_usd": prices.provisioned(
                    reads=line.reads, writes=line.writes, utilisation=utilisation
                ),
            }
            for line in shop.lines
        ],
        "stored": [
            {**asdict(each), "usd": prices.storage_gb * each.bytes / GB} for each in shop.stored
        ],
        "audience": {"customers": shop.audience_customers, "way": shop.audience_way},
        "recent_item_bytes": shop.recent_bytes,
        "break_even_utilisation": {
            "reads": prices.break_even_reads,
            "writes": prices.break_even_writes,
        },
        "on_demand_usd": prices.on_demand(reads=shop.reads, writes=shop.writes),
        "provisioned_usd": prices.provisioned(
            reads=shop.reads, writes=shop.writes, utilisation=utilisation
        ),
        "storage_usd": prices.storage_gb * shop.stored_bytes / GB,
        "pitr_usd": prices.pitr_gb * shop.backed_up_bytes / GB,
        "export_usd": prices.export_gb * shop.backed_up_bytes / GB,
    }


def _text(shop: Shop, prices: Prices, utilisation: float) -> str:
    rows = [("a month", "times", "units each", "units", "on demand", f"at {utilisation:.0%} used")]
    for line in shop.lines:
        units = line.reads + line.writes
        kind = "read" if line.reads else "write"
        each = f"{units / line.times:,.1f} {kind}" if line.times else ""
        rows.append(
            (
                line.what,
                f"{line.times:,.0f}",
                each,
                f"{units:,.0f}",
                _usd(prices.on_demand(reads=line.reads, writes=line.writes)),
                _usd(
                    prices.provisioned(
                        reads=line.reads, writes=line.writes, utilisation=utilisation
                    )
                ),
            )
        )
    demand = prices.on_demand(reads=shop.reads, writes=shop.writes)
    provided = prices.provisioned(reads=shop.reads, writes=shop.writes, utilisation=utilisation)
    rows.append(("all units", "", "", "", _usd(demand), _usd(provided)))
    for place in shop.stored:
        price = _usd(prices.storage_gb * place.bytes / GB)
        rows.append((f"stored: {place.what}", "", "", f"{place.bytes / GB:,.2f} GB", price, price))
    stored = prices.storage_gb * shop.stored_bytes / GB
    rows.append(("all of it", "", "", "", _usd(demand + stored), _usd(provided + stored)))
    return "\n".join([*_aligned(rows), *_notes(shop, prices)])


def _notes(shop: Shop, prices: Prices) -> Sequence[str]:
    backed_up = shop.backed_up_bytes / GB
    return (
        "",
        (
            f"point-in-time recovery: {_usd(prices.pitr_gb * backed_up)} a month more; an export to S3: "
            f"{_usd(prices.export_gb * backed_up)} each"
        ),
        (
            f"an audience has {shop.audience_customers:,} customers, read by {shop.audience_way}; a "
            f"recent item has {shop.recent_bytes:,.0f} bytes"
        ),
        (
            "provision where more than "
            f"{prices.break_even_writes:.1%} of the write capacity is used, and {prices.break_even_reads:.1%} "
            "of the read capacity"
        ),
        (
            "US dollars without free tier, reserved capacity, transfer and taxes; "
            "prices are of us-east-1 unless you gave others: check them"
        ),
    )


def _usd(amount: float) -> str:
    return f"{amount:,.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """The rows as columns: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
