"""Every page in a real browser: at every width, light and dark, for everybody."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.browser.conftest import Demo, Visit, visit

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("console")]
PICTURES = os.environ.get("TEST_PICTURES")
"""A folder that pictures of the pages are written to."""
PAGES = ("/console", "/console/login?key=true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_at_every_width_and_in_both_themes(
    browser: Browser, demo: Demo, path: str, width: int, scheme: str
) -> None:
    context, seen = visit(
        browser, demo, viewport={"width": width, "height": 960}, color_scheme=scheme
    )
    seen.open(path)
    if PICTURES:
        name = path.partition("?")[0].strip("/").replace("/", "-")
        seen.page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png", full_page=True)
    assert seen.violations() == []
    assert seen.too_wide <= 0
    assert seen.errors == []
    assert seen.foreign == []
    context.close()


def test_the_keyboard_reaches_every_link_and_every_act(visitor: Visit) -> None:
    visitor.open("/console")
    reachable = visitor.page.locator("a:visible, button:visible, input:visible, select:visible")
    wanted = reachable.count()
    seen = set[str]()
    for _ in range(3 * wanted):
        visitor.page.keyboard.press("Tab")
        seen.add(visitor.page.evaluate("document.activeElement.outerHTML"))
    assert all(html in seen for html in reachable.evaluate_all("all => all.map(e => e.outerHTML)"))
