"""A shop to try the banner in: whoever opens it may be any customer, so only the demo has it."""

from collections.abc import Callable
from html import escape
from importlib.resources import files

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation

from api.http.access import PUBLIC
from api.http.web.snippet import integrity
from domain.purchases import customer_id_of

DEMO_SHOP = "/demo-shop"
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


@get(DEMO_SHOP, include_in_schema=False, **PUBLIC)
async def demo_shop(
    sign_token: NamedDependency[SkipValidation[Callable[[str], str]]], customer: FromQuery[str] = ""
) -> Response[str]:
    """The shop's page for this customer, as the shop's server would make it."""
    token = sign_token(customer_id_of(customer)) if customer else ""
    page = _asset("demo_shop.html").decode()
    filled = page.format(
        customer=escape(customer),
        visitor=f"You are customer {escape(customer)}." if customer else "Nobody is logged in.",
        token=token,
        integrity=integrity(),
    )
    return Response(filled, media_type="text/html", headers=_POLICY)


@get(f"{DEMO_SHOP}/style.css", include_in_schema=False, **PUBLIC)
async def demo_shop_style() -> Response[bytes]:
    """The shop's style sheet."""
    return Response(_asset("demo_shop.css"), media_type="text/css")


@get(f"{DEMO_SHOP}/page.js", include_in_schema=False, **PUBLIC)
async def demo_shop_script() -> Response[bytes]:
    """The page's script, which shows what the snippet was told."""
    return Response(_asset("demo_shop.js"), media_type="text/javascript")


DEMO_SHOP_ROUTES = [demo_shop, demo_shop_style, demo_shop_script]


def _asset(name: str) -> bytes:
    return (files("api.http.web") / name).read_bytes()
