"""The HTTP application; building it does no I/O."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from importlib.metadata import version
from importlib.resources import files
from typing import cast
from urllib.parse import quote

from litestar import Litestar, Response, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response import Redirect
from litestar.router import Router
from litestar.static_files import create_static_files_router
from litestar.types import (
    HTTPScope,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from api.http.access import ACCESS, PUBLIC, Access, guarded
from api.http.admission import Admission, Kind, Overloaded, answer_overloaded, kind_of
from api.http.completed import Completing
from api.http.connections import impatient
from api.http.head import answer_head
from api.http.headers import answer_preflight, dressed, is_preflight
from api.http.observing import RequestObserver, RequestTracer, observed, trace_of
from api.http.problems import EXCEPTION_HANDLERS
from api.http.request import StrictRequest
from api.http.routes.campaigns import CAMPAIGN_ROUTES
from api.http.routes.categories import categories, propensities
from api.http.routes.customers import cancel_purchase, erase_customer, refund_purchase
from api.http.routes.health import livez, readyz
from api.http.routes.inference import INFERENCE_ROUTES
from api.http.routes.keys import KEY_ROUTES
from api.http.routes.models import MODEL_ROUTES
from api.http.routes.ofrep import OFREP_ROUTES
from api.http.routes.propensity import propensity
from api.http.routes.purchases import record_purchases
from api.http.services import Services
from api.http.web.demo_shop import DEMO_SHOP_ROUTES
from api.http.web.snippet import snippet_js
from domain.values import Currency

DOCS = "/docs"
SILENCE_S = "silence_s"
ADMISSION = "admission"
OBSERVER = "observer"
TRACER = "tracer"
IN_WORK, WAITING = 32, 32
ASSETS = f"{DOCS}/static"
_NOWHERE = "/%"


class EncodedPathApp(Litestar):
    """Routes on the path as it was sent, so that an encoded slash stays inside its segment.

    Path parameters arrive percent-encoded; handlers decode them. Litestar skips empty segments, so
    that a forgotten id would name something else; such a path leads nowhere.
    """

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Answers one connection."""
        if scope["type"] != "lifespan":
            sent = scope.get("raw_path") or quote(scope["path"]).encode()  # optional in ASGI
            path, _, _ = sent.partition(b"?")  # some servers keep the query in it
            scope["path"] = _NOWHERE if b"//" in path else path.decode("latin-1")
        if scope["type"] != ScopeType.HTTP:
            await super().__call__(scope, receive, send)
            return
        http, receive, send = cast("tuple[HTTPScope, Receive, Send]", (scope, receive, send))
        tracer: RequestTracer | None = self.state[TRACER]
        if tracer is None:
            await self._observed(http, receive, send)
        else:
            with tracer.request(http, send, trace_of(http)) as traced:
                await self._observed(http, receive, traced)

    async def _observed(self, http: HTTPScope, receive: Receive, send: Send) -> None:
        observer: RequestObserver | None = self.state[OBSERVER]
        if observer is None:
            await self._admitted(http, receive, send)
        else:
            await observed(observer, self._admitted, http, receive, send)

    async def _admitted(self, http: HTTPScope, receive: Receive, send: Send) -> None:
        kind = kind_of(http)
        if kind is Kind.ALWAYS:
            await self._answer(http, receive, send)
            return
        admission: Admission = self.state[ADMISSION]
        try:
            await admission.enter(kind)
        except Overloaded:
            admission.count_shed()
            if (observer := self.state[OBSERVER]) is not None:
                observer.shed()
            await answer_overloaded(send)
            return
        try:
            await self._answer(http, receive, send)
        finally:
            admission.leave(kind)

    async def _answer(self, http: HTTPScope, receive: Receive, send: Send) -> None:
        send = dressed(http, send, origins=self._origins)
        if http["method"] == "GET":
            await super().__call__(http, receive, send)
        elif http["method"] == "HEAD":
            await answer_head(super().__call__, http, receive, send)
        elif is_preflight(http):
            await answer_preflight(http, send, origins=self._origins)
        else:
            waiting = impatient(receive, silence_s=self.state[SILENCE_S])
            await super().__call__(http, waiting, send)

    def _origins(self) -> AbstractSet[str]:
        access: Access = self.state[ACCESS]
        return access.keyring.origins


def create_app(  # noqa: PLR0913  # what the composition root gives
    services: Services,
    *,
    currency: Currency,
    access: Access,
    admission: Admission | None = None,
    observer: RequestObserver | None = None,
    tracer: RequestTracer | None = None,
    silence_s: float = 30.0,
    sign_token: Callable[[str], str] | None = None,
    console: Callable[[Litestar], object] | None = None,
    start: Sequence[Callable[[], object]] = (),
    close: Sequence[Callable[[], object]] = (),
) -> Litestar:
    """The application over these services.

    With `sign_token`, which signs a customer's token, the demo's shop is served. `console` adds its
    pages. `silence_s` is how long a client may be silent within a body. What `start` holds is called when the
    server starts, what `close` holds when it stops, each in its order; they may be async.
    """
    app = EncodedPathApp(
        route_handlers=[
            front_page,
            livez,
            readyz,
            propensity,
            record_purchases,
            refund_purchase,
            cancel_purchase,
            erase_customer,
            categories,
            propensities,
            *CAMPAIGN_ROUTES,
            *MODEL_ROUTES,
            *KEY_ROUTES,
            *OFREP_ROUTES,
            *INFERENCE_ROUTES,
            snippet_js,
            *(DEMO_SHOP_ROUTES if sign_token else ()),
            _docs_assets(),
        ],
        dependencies=services.by_name()
        | {"currency": Provide(lambda: currency.code, sync_to_thread=False)}
        | {"sign_token": Provide(lambda: sign_token, sync_to_thread=False)},
        request_class=StrictRequest,
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=_openapi(currency),
        state=State(
            {
                ACCESS: access,
                ADMISSION: admission or Admission(in_work=IN_WORK, waiting=WAITING),
                OBSERVER: observer,
                TRACER: tracer,
                SILENCE_S: silence_s,
            }
        ),
        middleware=[guarded],
        on_startup=[*start],
        on_shutdown=[*close],
        logging_config=None,  # Litestar's own would log paths and bodies, which hold customer ids
    )
    if console is not None:
        console(app)
    return app


@get("/", include_in_schema=False, **PUBLIC)
async def front_page() -> Redirect:
    """Leads a person with a browser to the documentation."""
    return Redirect(DOCS)


def _openapi(currency: Currency) -> Completing:
    one = f"1 {currency.code} is {currency.minor_per_major} minor units"
    config = Completing(
        title="propensity",
        version=version("propensity"),
        description=f"Will this customer buy? Amounts are in {currency.code}: {one}. "
        "Every error is application/problem+json (RFC 9457).",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="A key of `propensity keys create`."
                ),
                "apiKey": SecurityScheme(
                    type="apiKey", name="X-API-Key", security_scheme_in="header"
                ),
            }
        ),
        openapi_router=Router(
            DOCS,
            route_handlers=[],
            include_in_schema=False,
            after_request=_no_html_errors,
            opt=PUBLIC["opt"],
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                js_url=f"{ASSETS}/swagger-ui-bundle.js",
                css_url=f"{ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{ASSETS}/swagger-ui-standalone-preset.js",
                favicon='<link rel="icon" href="data:,">',
            )
        ],
    )
    config.currency = currency
    return config


def _docs_assets() -> Router:
    """Swagger UI from the installed package: the page asks no other host for anything."""
    folder = str(files("litestar_offline_docs") / "static")
    return create_static_files_router(
        ASSETS, directories=[folder], name="docs-assets", opt=PUBLIC["opt"]
    )


def _no_html_errors(response: Response[bytes]) -> Response[bytes]:
    """Litestar's docs router answers unknown pages in HTML; every error is a problem here."""
    if response.status_code == NotFoundException.status_code:
        raise NotFoundException
    return response
