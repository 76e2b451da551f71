"""Every page of the console under one path, with what they need."""

from importlib.resources import files
from typing import Any

from litestar import Request, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.static_files import create_static_files_router

from api.console.problems import EXCEPTION_HANDLERS
from api.console.routes.audiences import AUDIENCE_ROUTES
from api.console.routes.campaign_acts import CAMPAIGN_ACTS
from api.console.routes.campaigns import CAMPAIGN_ROUTES
from api.console.routes.customers import CUSTOMER_ROUTES
from api.console.routes.flags import FLAG_ROUTES
from api.console.routes.live import LIVE_ROUTES
from api.console.routes.login import LOGIN_ROUTES
from api.console.routes.model_acts import MODEL_ACTS
from api.console.routes.models import MODEL_ROUTES
from api.console.routes.operations import OPERATIONS_ROUTES
from api.console.routes.overview import OVERVIEW_ROUTES
from api.console.services import ConsoleServices
from api.console.signing_in import ANYBODY, ROOT, signed_in

_DAY_S = 86_400
_LONGEST_NAME = 200
ROUTES = (  # a line each, in the order of the navigation
    *LOGIN_ROUTES,
    *OVERVIEW_ROUTES,
    *CUSTOMER_ROUTES,
    *AUDIENCE_ROUTES,
    *CAMPAIGN_ROUTES,
    *CAMPAIGN_ACTS,
    *FLAG_ROUTES,
    *MODEL_ROUTES,
    *LIVE_ROUTES,
    *MODEL_ACTS,
    *OPERATIONS_ROUTES,
)


def console_router(services: ConsoleServices) -> Router:
    """The console over these services."""
    return Router(
        ROOT,
        route_handlers=[*ROUTES, nowhere, _files()],
        dependencies=services.by_name(),
        middleware=[signed_in],
        exception_handlers=EXCEPTION_HANDLERS,
        include_in_schema=False,
    )


@get("/{path:path}", **ANYBODY)
async def nowhere() -> None:
    """No page is there; a person is told so by a page."""
    raise NotFoundException


def _no_long_names(request: Request[Any, Any, Any]) -> None:
    """Raises where no file can have the name: the file system would say so by an OSError."""
    if len(request.scope["path"]) > _LONGEST_NAME:
        raise NotFoundException


def _files() -> Router:
    return create_static_files_router(
        "/static",
        before_request=_no_long_names,
        directories=[str(files("api.console") / "static")],
        name="console-files",
        opt=ANYBODY["opt"],
        cache_control=CacheControlHeader(max_age=_DAY_S, public=True),
    )
