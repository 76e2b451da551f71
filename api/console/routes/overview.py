"""The first page: what serves, since when, and what needs somebody."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct

from api.console.rendering import AnyRequest, page
from api.console.signing_in import seen_with
from api.http.services import Readiness
from domain.errors import NoLiveModel
from domain.keys import Scope
from model_registry.registry import Registry


class Serving(Struct, frozen=True, kw_only=True):
    """One model as this process serves it. `since` in microseconds since the epoch, UTC."""

    model: str
    version: str | None
    since: int | None
    who: str | None
    problems: list[str]


class Overview(Struct, frozen=True, kw_only=True):
    """Everything on the first page."""

    serving: list[Serving]


@get("/", sync_to_thread=True, **seen_with(Scope.MODELS_READ))
def overview(
    request: AnyRequest,
    readiness: NamedDependency[SkipValidation[Readiness]],
    registry: NamedDependency[Registry],
) -> Response[bytes]:
    """What serves, and what needs somebody."""
    serving = [_serving(name, readiness, registry) for name in readiness.traffic]
    return page(request, "overview.html", Overview(serving=serving))


def _serving(name: str, readiness: Readiness, registry: Registry) -> Serving:
    newest = registry.current(name)
    try:
        version = readiness.traffic[name]().label
    except NoLiveModel:
        version = None
    return Serving(
        model=name,
        version=version,
        since=newest.at if newest else None,
        who=newest.actor if newest else None,
        problems=list(readiness.problems(name)),
    )


OVERVIEW_ROUTES = (overview,)
