"""The demo's shop in a real browser: a banner for one customer, and none for another."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request

from api.http.access import Access, Openness
from domain.keys import Keyring
from tests.api.conftest import app_over
from tests.web.conftest import Served
from tests.web.tokens import token

pytestmark = pytest.mark.full
PICTURES = os.environ.get("PROPENSITY_TEST_PICTURES")
"""A folder that pictures of the pages are written to."""


@pytest.fixture
def demo(served: Served) -> Served:
    served.stop()
    empty = Keyring(clock=served.shop.clock, monotonic=lambda: 0.0)
    empty.replace([], asked_at=0.0)
    served.shop.access = Access(keyring=empty, openness=Openness.LOOPBACK)
    served.start(app_over(served.shop, sign_token=token))
    return served


@pytest.mark.parametrize(("customer", "visible"), [("buyer", True), ("somebody", False)])
def test_the_demos_shop_shows_its_banner_to_one_customer_and_not_to_another(
    page: Page, demo: Served, customer: str, visible: bool
) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.set_viewport_size({"width": 960, "height": 620})
    page.goto(f"{demo.address}/demo-shop?customer={customer}")
    page.wait_for_function("document.getElementById('answer').textContent.includes('reason')")
    assert page.locator("#promo").is_visible() is visible
    assert [url for url in asked if not url.startswith(("data:", demo.address))] == []
    if PICTURES:
        name = "shown" if visible else "hidden"
        page.screenshot(path=Path(PICTURES) / f"demo-shop-{name}.png")


def test_nobody_sees_no_banner(page: Page, demo: Served) -> None:
    page.goto(f"{demo.address}/demo-shop")
    page.wait_for_load_state("networkidle")
    assert not page.locator("#promo").is_visible()
    page.get_by_label("You are customer").fill("buyer")
    page.get_by_role("button", name="Go").click()
    page.wait_for_url("**/demo-shop?customer=buyer")
    page.wait_for_function("document.getElementById('answer').textContent.includes('reason')")
    assert page.locator("#promo").is_visible()
