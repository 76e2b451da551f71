"""Customers: found by their id, looked at, handed their records, and erased."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from msgspec import Meta, Struct

from api.console.documents.customer import CustomerPage, ModelToAsk, SeenFlag
from api.console.pictures import WIDE, Drawn, drawn
from api.console.rendering import AnyRequest, done, html, page, piece, rendered
from api.console.services import Memberships
from api.console.signing_in import ROOT, seen_with
from api.console.wording import money, segment, when
from api.documents.customer import CustomerExport, ExportedMembership
from api.http.access import who_of
from api.http.parameters import decoded
from api.http.services import Readiness
from api.pictures import Bought, Draws, Picture, gauge, timeline
from domain.audit import Act, AuditTrail, Target
from domain.customers import CustomerRecords, EraseCustomer, FindCustomer, FoundCustomer, Receipt
from domain.errors import InvalidRequest, NoLiveModel, PropensityError
from domain.keys import Scope
from domain.prediction import DecideFlags, Prediction, PredictPropensity
from domain.purchases import customer_id_of
from domain.values import Clock, Currency

CUSTOMERS = f"{ROOT}/customers"
MAX_BODY_BYTES = 10_000
TWO_THIRDS = 686
"""Pixels of a picture across a card that takes two thirds of a page."""
_HOUR_US = 3_600_000_000
_ONE = "/customers/{customer_id:str}"


class CustomerSearch(Struct, frozen=True, kw_only=True):
    """The page where a customer is looked for. Nobody is listed."""

    customer: Annotated[str, Meta(description="What was typed.")] = ""
    wrong: Annotated[str | None, Meta(description="Why it is no id.")] = None


class ErasePage(Struct, frozen=True, kw_only=True):
    """The page that asks before a customer is erased, and goes on where it was not finished.

    `begun`: it was, and something is left; nothing of the customer is taken meanwhile.
    """

    customer_id: str
    suppression_days: int
    begun: bool = False
    wrong: str | None = None


class CustomerCampaigns(Struct, frozen=True, kw_only=True):
    """In which campaigns a customer is, the newest first."""

    customer_id: str
    campaigns: list[ExportedMembership]


@get("/customers", sync_to_thread=False, **seen_with(Scope.CUSTOMERS_READ))
def find_customer(request: AnyRequest) -> Response[Any]:
    """One field; what it finds is a page of its own."""
    typed = request.query_params.get("customer", "").strip()
    if not typed:
        return page(request, "customers.html", CustomerSearch())
    try:
        found = customer_id_of(typed)
    except InvalidRequest as exc:
        search = CustomerSearch(customer=typed, wrong=exc.reason)
        answer = page(request, "customers.html", search)
        answer.status_code = HTTPStatus.BAD_REQUEST
        return answer
    return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": path_of(found)})


@get(_ONE, **seen_with(Scope.CUSTOMERS_READ))
async def customer(  # what the page shows
    customer_id: FromPath[str],
    request: AnyRequest,
    console_find: NamedDependency[FindCustomer],
    console_predict: NamedDependency[SkipValidation[PredictPropensity]],
    console_decide: NamedDependency[SkipValidation[DecideFlags]],
    console_draws: NamedDependency[SkipValidation[Draws]],
    console_currency: NamedDependency[Currency],
    readiness: NamedDependency[SkipValidation[Readiness]],
) -> Response[bytes]:
    """Bought what, scored how, decided what."""
    asked = customer_id_of(decoded(customer_id, "customer_id"))
    flags = list(console_decide.flags.values())
    found, decisions = await asyncio.gather(console_find(asked), console_decide(asked, flags))
    score, unscored = await _scored(request, found, console_predict)
    document = CustomerPage.of(
        found,
        currency=console_currency,
        models=_models(readiness),
        score=score,
        unscored=unscored,
        flags=[
            SeenFlag.of(found.customer_id, flag, decision)
            for flag, decision in zip(flags, decisions, strict=True)
        ],
    )
    return await asyncio.to_thread(_drawn, request, document, console_draws)


@get(_ONE + "/campaigns", sync_to_thread=True, **seen_with(Scope.AUDIENCE))
def customer_campaigns(
    customer_id: FromPath[str],
    request: AnyRequest,
    console_memberships: NamedDependency[SkipValidation[Memberships]],
) -> Response[bytes]:
    """In which campaigns the customer is; every member of each is looked through."""
    found = customer_id_of(decoded(customer_id, "customer_id"))
    document = CustomerCampaigns(
        customer_id=found,
        campaigns=[ExportedMembership.of(*each) for each in console_memberships(found)],
    )
    return piece(request, "customer_campaigns_piece.html", document, title=f"Campaigns of {found}")


@post(
    _ONE + "/export",
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_BODY_BYTES,
    **seen_with(Scope.ERASE),
)
async def export_customer(  # what the record is made of
    customer_id: FromPath[str],
    request: AnyRequest,
    console_records: NamedDependency[SkipValidation[CustomerRecords]],
    console_memberships: NamedDependency[SkipValidation[Memberships]],
    console_clock: NamedDependency[SkipValidation[Clock]],
    console_currency: NamedDependency[Currency],
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[bytes]:
    """Everything that is held about the customer, as a file."""
    found = customer_id_of(decoded(customer_id, "customer_id"))
    async with audit.act_async(who_of(request), Act.EXPORT, Target.CUSTOMER):
        record = await console_records.of(found)

        def written() -> bytes:
            memberships = list(console_memberships(found))
            document = CustomerExport.of(
                found, record, memberships, at=console_clock(), currency=console_currency
            )
            return msgspec.json.format(msgspec.json.encode(document), indent=2)

        content = await asyncio.to_thread(written)
    return Response(
        content,
        media_type="application/json",
        headers={
            "Content-Disposition": 'attachment; filename="customer.json"',
            "Cache-Control": "no-store",
        },
    )


@get(_ONE + "/erase", sync_to_thread=False, **seen_with(Scope.ERASE))
def ask_to_erase(
    customer_id: FromPath[str],
    request: AnyRequest,
    erase: NamedDependency[SkipValidation[EraseCustomer]],
) -> Response[bytes]:
    """What an erasure does, and a field for the customer's id."""
    found = customer_id_of(decoded(customer_id, "customer_id"))
    document = ErasePage(customer_id=found, suppression_days=erase.suppression_days)
    return page(request, "customer_erase.html", document)


@post(_ONE + "/erase", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.ERASE))
async def erase_customer(
    customer_id: FromPath[str],
    request: AnyRequest,
    erase: NamedDependency[SkipValidation[EraseCustomer]],
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[Any]:
    """The customer is erased, or being erased, once their id was typed."""
    found = customer_id_of(decoded(customer_id, "customer_id"))
    typed = str((await request.form()).get("typed", "")).strip()
    if typed != found:
        wrong = "this is not the customer's id" if typed else "type the customer's id"
        return _asked_again(request, erase, found, HTTPStatus.BAD_REQUEST, wrong=wrong)
    async with audit.act_async(who_of(request), Act.ERASE, Target.CUSTOMER):
        receipt = await erase(found)
    if not receipt.erased.complete:
        return _asked_again(request, erase, found, HTTPStatus.ACCEPTED, begun=True)
    return done(request, path_of(found), _said(receipt))


CUSTOMER_ROUTES = (
    find_customer,
    customer,
    customer_campaigns,
    export_customer,
    ask_to_erase,
    erase_customer,
)


def path_of(customer_id: str) -> str:
    """Where the page of a customer is."""
    return f"{CUSTOMERS}/{segment(customer_id)}"


async def _scored(
    request: AnyRequest, found: FoundCustomer, predict: PredictPropensity
) -> tuple[Prediction | None, str | None]:
    """The score that is asked for; without one, why.

    A model that says who buys in one category is asked about the one that was bought in last.
    """
    asked = request.query_params
    model, category = asked.get("model") or None, asked.get("category") or None
    try:
        targeted = predict.traffic(model).champion.features.targeted
        if targeted and category is None and found.purchases:
            category = found.purchases[0].category
        score = await predict(
            found.customer_id,
            as_of=found.as_of,
            model=model,
            category=category if targeted else None,
        )
    except PropensityError as exc:
        reason = f"{exc.field} {exc.reason}" if isinstance(exc, InvalidRequest) else str(exc)
        return None, reason
    return score, None


def _drawn(request: AnyRequest, document: CustomerPage, draws: Draws) -> Response[bytes]:
    asked, score = request.query_params, document.score
    pictures: dict[str, Drawn] = {}
    if document.purchases:
        pictures["timeline"] = drawn(draws, _timeline(document), wide=WIDE)
    if score is not None:
        pictures["gauge"] = drawn(
            draws, gauge(score.probability, average=score.base_rate), wide=TWO_THIRDS
        )
    return page(
        request,
        "customer.html",
        document,
        asked_model=asked.get("model") or (score.model if score else ""),
        asked_category=asked.get("category") or (score.category if score else None) or "",
        **pictures,
    )


def _timeline(document: CustomerPage) -> Picture:
    """Up to the next full hour: the same picture for whoever looks within it."""
    score = document.score
    return timeline(
        [
            Bought(each.at, each.category, money(each.amount_minor, document.currency))
            for each in document.purchases
        ],
        as_of_us=-(-document.as_of // _HOUR_US) * _HOUR_US,
        windows=score.windows if score else (),
        chosen=score.category if score else None,
    )


def _models(readiness: Readiness) -> list[ModelToAsk]:
    found: list[ModelToAsk] = []
    for traffic in readiness.traffic.values():
        try:
            found.append(ModelToAsk.of(traffic()))
        except NoLiveModel:
            continue
    return found


def _asked_again(
    request: AnyRequest, erase: EraseCustomer, customer_id: str, status: int, **more: Any
) -> Response[bytes]:
    document = ErasePage(customer_id=customer_id, suppression_days=erase.suppression_days, **more)
    return html(rendered(request, "customer_erase.html", page=document), status=status)


def _said(receipt: Receipt) -> str:
    """The receipt in words. It does not name the customer."""
    erased = receipt.erased
    return (
        f"Erased for good: {erased.purchases:,} purchases, {erased.cancelled:,} cancellations and "
        f"{erased.refunds_waiting:,} waiting refunds. Nothing of this customer is taken until "
        f"{when(receipt.suppressed_until)}."
    )
