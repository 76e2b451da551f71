"""How likely is this customer to buy?"""

from http import HTTPStatus
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter, SkipValidation
from msgspec import structs

from api.documents.prediction import CustomerPropensity
from api.http import head
from api.http.access import asks
from api.http.direct import Direct
from api.http.openapi import PRINTABLE, problems
from api.http.parameters import (
    AsOf,
    Category,
    Explain,
    Model,
    ReadConsistency,
    check_names,
    decoded,
    instant_of,
    one_of,
    truth_of,
)
from api.http.problems import AnyRequest
from api.http.services import Predicting
from domain.cost import metered
from domain.keys import Scope
from domain.purchases import MAX_CATEGORY_BYTES, MAX_CUSTOMER_ID_BYTES, name_of
from domain.values import Consistency

ROUTE = "/v1/customers/{customer_id}/propensity"


@get(
    ROUTE.replace("}", ":str}"),
    operation_id="getPropensity",
    summary="One customer's propensity to buy",
    description="Reads the customer's purchases with strong consistency, unless `consistency` or the "
    "server's setting says otherwise: a purchase acknowledged is in the next answer. A customer without purchases has an empty history, not an error. A model "
    "that says who buys within a category needs `category`.",
    tags=["propensity"],
    response_description="The propensity, the decision and what both rest on.",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    middleware=[Direct],
    **asks(Scope.PREDICT),
)
async def propensity(  # noqa: PLR0913  # one argument per documented parameter
    customer_id: Annotated[
        str,
        PathParameter(
            description="Percent-encoded, a slash too. At most 256 bytes of printable UTF-8.",
            examples=[Example(value="c-2469")],
            schema_extra={"pattern": PRINTABLE, "max_length": MAX_CUSTOMER_ID_BYTES},
        ),
    ],
    request: AnyRequest,
    predicting: NamedDependency[SkipValidation[Predicting]],
    *,
    as_of: AsOf = None,
    model: Model = None,
    category: Category = None,
    explain: Explain = None,
    consistency: ReadConsistency = None,
) -> CustomerPropensity:
    """The propensity now, or as it was known at `as_of`."""
    check_names(request.query_params, ["as_of", "model", "category", "explain", "consistency"])
    wants_why = truth_of(explain, "explain")
    with metered() as cost:
        prediction = await predicting.predict(
            decoded(customer_id, "customer_id"),
            as_of=instant_of(as_of),
            model=model,
            category=None if category is None else category_of(category),
            consistency=one_of(consistency, Consistency, "consistency"),
        )
    answer = CustomerPropensity.of(prediction, cost, explain=wants_why)
    if as_of is not None or head.ASKED in request.scope:  # nothing was decided by it
        return answer
    decision_id = predicting.log.of_propensity(prediction, route=ROUTE)
    return answer if decision_id is None else structs.replace(answer, decision_id=decision_id)


def category_of(text: str) -> str:
    """The category that a parameter names.

    Raises:
        InvalidRequest: no category could have that name.
    """
    return name_of(text, "category", MAX_CATEGORY_BYTES)
