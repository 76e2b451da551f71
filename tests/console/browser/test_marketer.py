"""A marketer's path, by keyboard: a key, a category, a range, a campaign, its file, its result."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from api.http.access import Access, Openness
from tests.api.conftest import Shop
from tests.builders import DAY, a_purchase
from tests.console.browser.conftest import Visit, window
from tests.console.browser.keyboard import Keyboard
from tests.console.conftest import EVERY_KEY, console_over
from tests.web.conftest import Served

pytestmark = pytest.mark.full
PEOPLE = 400
NAME = "november-rings"


@pytest.fixture
def shop() -> Shop:
    """People with mail addresses who bought jewellery, for little and for much."""
    shop = Shop()
    for n in range(PEOPLE):
        purchase = a_purchase(
            customer_id=f"c{n:03}@mail.example",
            category="jewellery",
            amount_minor=2 + n,
            purchased_at=shop.clock.now - DAY,
        )
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    shop.access = Access(keyring=shop.keyring, openness=Openness.NONE)
    return shop


@pytest.fixture
def visitor(browser: Browser, shop: Shop) -> Iterator[Visit]:
    """Somebody at a desk, on a server where a key is needed."""
    served = Served(shop)
    served.start(console_over(shop))
    size = {"width": 1280, "height": 960}
    context, seen = window(browser, served.address, viewport=size, accept_downloads=True)
    yield seen
    context.close()
    served.stop()


def sign_in(keys: Keyboard) -> None:
    keys.fill_by_label("Key", EVERY_KEY)
    keys.press("button", "Sign in")


def chosen(visitor: Visit) -> int:
    """How many people the page says are chosen."""
    shown = visitor.page.locator("#numbers dd").first.inner_text()
    return int(shown.replace(",", ""))


def test_a_marketer_chooses_freezes_mails_and_sees_whether_it_helped(
    visitor: Visit, shop: Shop
) -> None:
    keys, page = Keyboard(visitor), visitor.page
    visitor.open("/console/audiences")
    sign_in(keys)
    assert page.url.endswith("/console/audiences")
    keys.press("link", "jewellery")
    page.locator("#low").wait_for()
    visitor.settle()
    before = chosen(visitor)
    keys.go_to("slider", "From this probability, in per cent")
    for _ in range(60 - int(page.locator("#low").input_value())):
        page.keyboard.press("ArrowRight")
    page.get_by_text("From 60 %").wait_for()
    people = chosen(visitor)
    assert 0 < people < before < PEOPLE
    visitor.picture("marketing-range")

    keys.fill("Name", NAME)
    keys.fill("Held out, to see whether it helped", "20")
    visitor.settle()
    keys.press("button", "Create campaign")
    page.get_by_role("heading", name="Files for your campaign tool").wait_for()
    visitor.picture("marketing-campaign")
    keys.go_to("link", "Klaviyo")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    file = Path(download.value.path()).read_text()
    members = {
        each.customer_id: each
        for batch in shop.campaigns.members(shop.campaigns.named(NAME))
        for each in batch
    }
    treated = {name for name, each in members.items() if each.arm.value == "treated"}
    assert len(members) == people
    assert 0 < len(treated) < people
    assert all(name in file for name in treated)
    assert not any(name in file for name in members.keys() - treated)
    keys.press("button", "It was sent")

    shop.clock.now += 31 * DAY
    for n, name in enumerate(sorted(treated)):
        if n % 2:
            bought = a_purchase(
                customer_id=name,
                purchase_id="later",
                category="jewellery",
                amount_minor=5_000,
                purchased_at=shop.clock.now - 20 * DAY,
            )
            shop.purchases[name, "later"] = bought
    visitor.open(f"/console/campaigns/{NAME}")
    sign_in(keys)
    keys.press("button", "Measure now")
    page.get_by_text("points more buyers").first.wait_for()
    visitor.wait_for_parts(60)
    visitor.picture("marketing-result")
    assert visitor.violations() == []
    assert visitor.errors == []
    assert visitor.foreign == []
