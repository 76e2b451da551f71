"""What cannot be undone: an erasure, a cancellation, a refund. Each has a path of its own.

The ids stand in the body. Clients and proxies resolve `..` in paths, so no path of another
resource may lead here when it is shortened.
"""

from http import HTTPStatus

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, SkipValidation

from api.documents.cost import cost_used
from api.documents.customer import (
    CancellationReport,
    CustomerToErase,
    ErasureReceipt,
    PurchaseToCancel,
    PurchaseToRefund,
    RefundReport,
)
from api.http.access import asks, who_of
from api.http.openapi import problems
from api.http.parameters import check_names
from api.http.problems import RETRY_AFTER_S, AnyRequest
from domain.audit import Act, AuditTrail, Target
from domain.cost import metered
from domain.customers import EraseCustomer
from domain.errors import InvalidPurchase, InvalidRequest
from domain.keys import Scope
from domain.purchases import CancelPurchase, RefundPurchase, check_refunded

ERASURES = "/v1/erasures"
MAX_BODY_BYTES = 20_000
_REFUSED = problems(
    HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE
)


@post(
    ERASURES,
    operation_id="eraseCustomer",
    summary="Erase a customer",
    description="Removes every purchase and cancellation of the customer and what was derived from "
    "them, and refuses new ones as `erased` while the suppression lasts. This cannot be undone. "
    "Asking again is safe. After a 202 it goes on where it was: send the same to `Location`. Until it "
    "is complete nothing of the customer is taken. An unknown customer is no error.",
    tags=["customers"],
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_BODY_BYTES,
    response_description="Nothing of the customer is left.",
    responses={
        HTTPStatus.ACCEPTED: ResponseSpec(
            ErasureReceipt,
            description="Begun, and suppressed; ask again to go on.",
            generate_examples=False,
        ),
        **_REFUSED,
    },
    **asks(Scope.ERASE),
)
async def erase_customer(
    data: JSONBody[CustomerToErase],
    request: AnyRequest,
    erase: NamedDependency[EraseCustomer],
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[ErasureReceipt]:
    """The customer is erased, or being erased."""
    check_names(request.query_params, ())
    with metered() as cost:
        async with audit.act_async(who_of(request), Act.ERASE, Target.CUSTOMER):
            receipt = await erase(data.customer_id)
    report = ErasureReceipt.of(receipt, cost)
    if report.complete:
        return Response(report)
    again = {"Location": ERASURES, "Retry-After": str(RETRY_AFTER_S)}
    return Response(report, status_code=HTTPStatus.ACCEPTED, headers=again)


@post(
    "/v1/refunds",
    operation_id="refundPurchase",
    summary="Refund a purchase, in part or whole",
    description="The purchase was, and this much of it was given back at that instant: features see "
    "the whole before it and the rest from then on. It need not be recorded yet. Sending the same "
    "again is safe. More than was paid, or another refund under the same id, is a 409.",
    tags=["purchases"],
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_BODY_BYTES,
    response_description="Refunded, now or before, or kept until the purchase comes.",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    **asks(Scope.RECORD),
)
async def refund_purchase(
    data: JSONBody[PurchaseToRefund], request: AnyRequest, refund: NamedDependency[RefundPurchase]
) -> RefundReport:
    """The refund is recorded."""
    del data  # for its schema; it was read leniently, "5" as 5
    check_names(request.query_params, ())
    with metered() as cost:
        try:
            outcome = await refund(await request.json())
        except InvalidPurchase as exc:
            raise InvalidRequest(exc.field, exc.reason) from exc
    check_refunded(outcome)
    return RefundReport(outcome=outcome, cost=cost_used(cost))


@post(
    "/v1/cancellations",
    operation_id="cancelPurchase",
    summary="Cancel a purchase",
    description="The purchase counts nowhere any more, for good. It need not be recorded yet: a "
    "cancellation that arrives first wins. Sending it again is safe.",
    tags=["purchases"],
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_BODY_BYTES,
    response_description="Cancelled, now or before.",
    responses=_REFUSED,
    **asks(Scope.RECORD),
)
async def cancel_purchase(
    data: JSONBody[PurchaseToCancel], request: AnyRequest, cancel: NamedDependency[CancelPurchase]
) -> CancellationReport:
    """The purchase is cancelled."""
    check_names(request.query_params, ())
    with metered() as cost:
        outcome = await cancel(data.customer_id, data.purchase_id)
    return CancellationReport(outcome=outcome, cost=cost_used(cost))
