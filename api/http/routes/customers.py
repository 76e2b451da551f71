"""Erase a customer: one call, one receipt."""

from http import HTTPStatus
from typing import Annotated

from litestar import Response, delete
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter

from api.documents.customer import ErasureReceipt
from api.http.openapi import problems
from api.http.parameters import check_names, decoded
from api.http.problems import AnyRequest
from domain.cost import metered
from domain.customers import EraseCustomer


@delete(
    "/v1/customers/{customer_id:str}",
    operation_id="eraseCustomer",
    summary="Erase a customer",
    description="Removes every purchase and cancellation of the customer and what was derived from "
    "them, and refuses new ones as `erased` while the suppression lasts. Asking again is safe; after "
    "a 202 it goes on, and until it is complete nothing of the customer is taken. An unknown customer "
    "is no error.",
    tags=["customers"],
    status_code=HTTPStatus.OK,
    response_description="Nothing of the customer is left.",
    responses={
        HTTPStatus.ACCEPTED: ResponseSpec(
            ErasureReceipt,
            description="Begun, and suppressed; ask again to go on.",
            generate_examples=False,
        ),
        **problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def erase_customer(
    customer_id: Annotated[str, PathParameter(description="Percent-encoded, a slash too.")],
    request: AnyRequest,
    erase: NamedDependency[EraseCustomer],
) -> Response[ErasureReceipt]:
    """The customer is erased, or being erased."""
    check_names(request.query_params, ())
    with metered() as cost:
        receipt = await erase(decoded(customer_id, "customer_id"))
    return Response(
        ErasureReceipt.of(receipt, cost),
        status_code=HTTPStatus.OK if receipt.erased.complete else HTTPStatus.ACCEPTED,
    )
