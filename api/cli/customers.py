"""Commands about one customer: cancel a purchase, erase everything, or hand everything out."""

import asyncio
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.cli.audit import audited
from api.cli.cost import cost_text
from api.cli.output import AsJson, confirmed, emit, say
from api.composition import application, can_tidy, memberships_of, tidy_campaigns
from api.documents.cost import cost_used
from api.documents.customer import (
    CancellationReport,
    CustomerExport,
    ErasureReceipt,
    ErasuresRepeated,
    RefundReport,
)
from api.process import Settings, load_settings
from domain.audit import Act, Target
from domain.cost import metered
from domain.errors import Rejected
from domain.purchases import Conventions, check_refunded, customer_id_of

NOT_COMPLETE = 1
_ONLY_MINE = 0o600


def cancel(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    purchase: Annotated[str, typer.Argument(help="The purchase's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Cancel a purchase for good, whether it came before or comes later."""
    settings = load_settings()
    written = audited(settings, Act.CANCEL, Target.PURCHASE)
    with application(settings) as built, metered() as cost, written:
        outcome = asyncio.run(built.cancel(customer, purchase))
    report = CancellationReport(outcome=outcome, cost=cost_used(cost))
    emit(report, as_json=as_json, text=f"{outcome}\n{cost_text(cost)}")


def refund(  # noqa: PLR0913  # one argument per documented option
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    purchase: Annotated[str, typer.Argument(help="The purchase's id.")],
    refund_id: Annotated[str, typer.Argument(help="Names this refund; again is then safe.")],
    amount: Annotated[str, typer.Argument(help="Given back, in major units, such as 12.50.")],
    *,
    at: Annotated[
        str | None, typer.Option(help="When: RFC 3339 with an offset.", show_default="now")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Refund a purchase in part or whole, whether it came before or comes later."""
    raw = {
        "customer_id": customer,
        "purchase_id": purchase,
        "refund_id": refund_id,
        "refunded_at": at,
        "amount": _decimal(amount),
    }
    conventions = Conventions(default_currency=True, ids_as_written=True, refunds_undated=True)
    settings = load_settings()
    written = audited(settings, Act.REFUND, Target.PURCHASE)
    with application(settings) as built, metered() as cost, written:
        outcome = asyncio.run(built.refund(raw, conventions=conventions))
        check_refunded(outcome)
    report = RefundReport(outcome=outcome, cost=cost_used(cost))
    emit(report, as_json=as_json, text=f"{outcome}\n{cost_text(cost)}")


def erase(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a customer, and refuse new purchases of theirs for a while; prints a receipt.

    This cannot be undone, so it asks first. Exits with 1 when something is left: run it again.
    """
    customer = customer_id_of(customer)
    if not yes:
        confirmed(f"Erase everything of customer {customer!r} for good?")
    settings = load_settings()
    written = audited(settings, Act.ERASE, Target.CUSTOMER)
    with application(settings, batch=True) as built, metered() as cost, written:
        receipt = asyncio.run(built.erase(customer))
    report = ErasureReceipt.of(receipt, cost)
    emit(report, as_json=as_json, text=f"{_described(report)}\n{cost_text(cost)}")
    if report.campaigns == "hidden":
        _tidy(settings)
    if not report.complete:
        say(
            "the erasure is not finished; run it again (nothing of the customer is taken meanwhile)"
        )
        raise typer.Exit(NOT_COMPLETE)


def erase_again(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase again whoever is suppressed: after a restore, and what was interrupted.

    A restore of purchases brings back who was erased since. The marks in the recent purchases say who.
    Exits with 1 when something is left: run it again.
    """
    if not yes:
        confirmed("Erase everybody again who was erased and is still suppressed?")
    settings = load_settings()
    written = audited(settings, Act.ERASE, Target.CUSTOMER)
    with application(settings, batch=True) as built, metered() as cost, written:
        found = asyncio.run(built.erase_again())
    report = ErasuresRepeated(
        suppressed=found.suppressed,
        had_come_back=found.had_come_back,
        unfinished=found.unfinished,
        cost=cost_used(cost),
    )
    text = (
        f"suppressed customers: {found.suppressed:,}, had come back: {found.had_come_back:,}, "
        f"unfinished: {found.unfinished:,}\n{cost_text(cost)}"
    )
    emit(report, as_json=as_json, text=text)
    if found.unfinished:
        say("some erasures are not finished; run it again (nothing of them is taken meanwhile)")
        raise typer.Exit(NOT_COMPLETE)


def _tidy(settings: Settings) -> None:
    """Takes the customer out of the files of campaigns, where this installation can."""
    if not can_tidy():
        say("no campaign shows the customer; `propensity campaign tidy` cleans their files")
        return
    erased = tidy_campaigns(settings)().members_erased
    say(f"campaigns: {erased:,} members taken out of their files")


def _decimal(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _described(report: ErasureReceipt) -> str:
    end = f"suppressed until {report.suppressed_until}" if report.complete else "not complete"
    return (
        f"erased at {report.erased_at}: {report.purchases:,} purchases, {report.cancelled:,} "
        f"cancellations, {report.recent_purchases:,} recent purchases; {end}"
    )


def export_customer(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    output: Annotated[
        Path | None, typer.Option(help="A new file that only you can read.", show_default="stdout")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The only form, and the default.")] = True,
) -> None:
    """Write all that is held about a customer, as one JSON document."""
    del as_json
    customer = customer_id_of(customer)
    settings = load_settings()
    with application(settings, batch=True) as built:
        record = asyncio.run(built.records.of(customer))
        memberships = list(memberships_of(settings, customer))
        document = CustomerExport.of(
            customer, record, memberships, at=built.clock(), currency=built.currency
        )
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    if output is None:
        typer.echo(text.decode())
    else:
        _write(output, text)


def _write(path: Path, content: bytes) -> None:
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_MINE), "wb"
        ) as file:
            file.write(content + b"\n")
    except OSError as exc:
        raise Rejected("--output", f"cannot write {path}: {exc.strerror}; name a new file") from exc
