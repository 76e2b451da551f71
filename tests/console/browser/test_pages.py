"""Every page in a real browser: at every width, light and dark, for everybody."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.browser.conftest import Demo, Visit, window
from tests.e2e.test_demo import READY_TIMEOUT_S

pytestmark = pytest.mark.full
WIDTHS = (390, 1280, 1920)
CUSTOMER = "household-18"
PAGES = (
    "/console",
    "/console/login?key=true",
    "/console/customers",
    f"/console/customers/{CUSTOMER}",
    f"/console/customers/{CUSTOMER}/erase",
    "/console/customers/nobody",
    "/console/audiences",
    "/console/audiences/grocery",
    "/console/campaigns",
    "/console/campaigns/{campaign}",
    "/console/campaigns/{campaign}/delete",
    "/console/flags/promotion-banner",
    "/console/models",
    "/console/models/purchase-propensity?version=2&beside=1",
    "/console/live",
    "/console/operations",
    "/console/operations/audit",
    "/console/no-such-page",
)


def complaints(seen: Visit, path: str, *, wrong: bool) -> Iterator[str]:
    """What is wrong with a page as it stands; `wrong` is one that answers with an error."""
    yield from (f"axe {each}" for each in seen.violations())
    if seen.too_wide > 0:
        yield f"{seen.too_wide} pixels too wide"
    yield from (f"asks {each}" for each in seen.foreign)
    yield from (f"says {each}" for each in seen.errors if not (wrong and "status of 404" in each))
    if seen.page.locator("[aria-busy=true]:visible").count():
        yield f"{path} is still waiting for a part"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole_at_every_width_and_in_both_themes(
    browser: Browser, demo: Demo, scheme: str
) -> None:
    found = []
    for width in WIDTHS:
        context, seen = window(
            browser, demo.address, viewport={"width": width, "height": 960}, color_scheme=scheme
        )
        for template in PAGES:
            path = template.format(campaign=demo.campaign)
            seen.open(path)
            seen.wait_for_parts(READY_TIMEOUT_S)
            seen.unfold()
            seen.wait_for_parts(READY_TIMEOUT_S)
            name = path.partition("?")[0].strip("/").replace("/", "-")
            seen.picture(f"{name}-{width}-{scheme}")
            wrong = "no-such" in path or "nobody" in path
            found += [f"{path} at {width}: {each}" for each in complaints(seen, path, wrong=wrong)]
            seen.errors.clear()
            seen.foreign.clear()
        context.close()
    assert found == []


def test_the_keyboard_reaches_every_link_and_every_act(visitor: Visit, demo: Demo) -> None:
    missed = []
    for template in PAGES:
        path = template.format(campaign=demo.campaign)
        visitor.open(path)
        visitor.wait_for_parts(READY_TIMEOUT_S)
        reachable = visitor.page.locator(
            "a:visible, button:visible, input:visible, select:visible, summary:visible"
        )
        wanted = reachable.evaluate_all(
            "all => all.map((e, n) => (e.dataset.seen = n, e.outerHTML))"
        )
        seen = set[str]()
        for _ in range(2 * len(wanted) + 20):
            visitor.page.keyboard.press("Tab")
            seen.add(visitor.page.evaluate("document.activeElement?.dataset.seen ?? ''"))
        missed += [f"{path}: {html}" for n, html in enumerate(wanted) if str(n) not in seen]
    assert missed == []
