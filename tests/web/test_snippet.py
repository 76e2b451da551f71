"""The snippet in a real browser: it shows the shop's element, or it leaves the page as it is."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Request

from api.http.web.snippet import integrity, snippet
from tests.api.conftest import PUBLISHABLE
from tests.web.conftest import Served, Site
from tests.web.tokens import token

pytestmark = pytest.mark.full
MOST_BYTES = 2_048
HTML = """<!doctype html><title>shop</title>
<div id="promo" hidden>Today: free engraving</div><p id="rest">The shop</p>
<script>
window.exposures = [];
document.addEventListener("propensity:exposure", (event) => exposures.push(event.detail));
</script>
{scripts}
"""


@pytest.fixture
def visits(page: Page, pages: Site, served: Served) -> Callable[..., None]:
    """Opens a page with the snippet, and waits until nothing more happens."""

    def visit(customer: str | None = "buyer", times: int = 1, **changes: str) -> None:
        attributes = {
            "src": f"{served.address}/snippet.js",
            "integrity": integrity(),
            "crossorigin": "anonymous",
            "data-key": PUBLISHABLE,
            "data-show": "#promo",
            "data-timeout": "5000",
        }
        if customer is not None:
            attributes["data-token"] = token(customer)
        attributes |= {f"data-{name}": value for name, value in changes.items()}
        tag = " ".join(f'{name}="{value}"' for name, value in attributes.items())
        scripts = f"<script async {tag}></script>\n" * times
        page.goto(pages.write("index.html", HTML.replace("{scripts}", scripts)))
        page.wait_for_load_state("networkidle")
        assert page.locator("#rest").is_visible()

    return visit


def shown(page: Page) -> bool:
    return page.locator("#promo").is_visible()


def exposures(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("exposures")
    return found


def errors_of(page: Page) -> list[str]:
    """What the page's scripts did not catch, from now on."""
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(error.message)

    page.on("pageerror", note)
    return errors


def asked(page: Page) -> list[str]:
    requests: list[str] = []

    def note(request: Request) -> None:
        if "/ofrep/" in request.url and request.method == "POST":
            requests.append(request.url)

    page.on("request", note)
    return requests


def test_it_is_small() -> None:
    assert len(gzip.compress(snippet())) <= MOST_BYTES


def test_the_banner_is_shown_to_whom_the_decision_says(
    page: Page, visits: Callable[..., None]
) -> None:
    requests = asked(page)
    visits("buyer")
    assert shown(page)
    assert exposures(page) == [
        {"flag": "promotion-banner", "variant": "on", "value": True, "reason": "TARGETING_MATCH"}
    ]
    visits("somebody")
    assert not shown(page)
    assert [each["value"] for each in exposures(page)] == [False]
    assert len(requests) == 2


def test_two_tags_of_one_flag_ask_once(page: Page, visits: Callable[..., None]) -> None:
    requests = asked(page)
    visits("buyer", times=2)
    assert (shown(page), len(exposures(page)), len(requests)) == (True, 1, 1)


def test_nobody_who_is_not_logged_in_is_asked_about(
    page: Page, visits: Callable[..., None]
) -> None:
    requests = asked(page)
    visits(None)
    assert (shown(page), exposures(page), requests) == (False, [], [])


def test_a_slow_server_leaves_the_page_as_it_is_for_good(
    page: Page, visits: Callable[..., None], served: Served
) -> None:
    between = served.shop.between

    async def slow(*args: Any, **windows: Any) -> Any:
        await asyncio.sleep(0.5)
        return await between(*args, **windows)

    served.shop.between = slow  # type: ignore[method-assign]
    visits("buyer", timeout="50")
    page.wait_for_timeout(700)
    assert (shown(page), exposures(page)) == (False, [])


def test_a_default_for_an_error_is_no_exposure(
    page: Page, visits: Callable[..., None], served: Served
) -> None:
    served.shop.trouble = RuntimeError("an error of the server")
    visits("buyer")
    assert (shown(page), exposures(page)) == (False, [])
    served.shop.live, served.shop.trouble = False, None  # no model: the flag's default
    visits("buyer")
    assert (shown(page), exposures(page)) == (False, [])


def test_a_server_that_is_down_leaves_the_page_as_it_is(
    page: Page, visits: Callable[..., None], served: Served
) -> None:
    errors = errors_of(page)
    served.stop()
    visits("buyer")
    assert (shown(page), exposures(page), errors) == (False, [], [])
    served.start()


@pytest.mark.parametrize(
    "policy",
    ["script-src 'self' 'unsafe-inline'", "script-src * 'unsafe-inline'; connect-src 'self'"],
)
def test_a_policy_that_blocks_it_leaves_the_page_as_it_is(
    page: Page, visits: Callable[..., None], pages: Site, policy: str
) -> None:
    errors = errors_of(page)
    pages.write("policy", policy)
    visits("buyer")
    assert (shown(page), exposures(page), errors) == (False, [], [])


def test_the_policy_of_the_guide_lets_it_work(
    page: Page, visits: Callable[..., None], pages: Site, served: Served
) -> None:
    ours = served.address
    pages.write("policy", f"script-src 'unsafe-inline' {ours}; connect-src {ours}")
    visits("buyer")
    assert shown(page)


def test_a_changed_script_does_not_run(
    page: Page, visits: Callable[..., None], pages: Site
) -> None:
    visits("buyer")
    page.goto("about:blank")
    text = (pages.folder / "index.html").read_text().replace(integrity(), "sha384-" + "A" * 64)
    page.goto(pages.write("index.html", text))
    page.wait_for_load_state("networkidle")
    assert (shown(page), exposures(page)) == (False, [])


def test_without_consent_nothing_is_kept(page: Page, visits: Callable[..., None]) -> None:
    requests = asked(page)
    for _ in range(2):
        visits("buyer")
        assert shown(page)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert page.context.cookies() == []
    assert len(requests) == 2


def test_with_consent_the_decision_is_kept_for_the_session_and_its_customer(
    page: Page, visits: Callable[..., None]
) -> None:
    requests = asked(page)
    for _ in range(2):
        visits("buyer", consent="yes")
        assert (shown(page), len(exposures(page))) == (True, 1)
    assert len(requests) == 1
    visits("somebody", consent="yes")
    assert not shown(page)
    assert len(requests) == 2
    visits("buyer")  # consent was withdrawn: what was kept is not looked at
    assert len(requests) == 3
