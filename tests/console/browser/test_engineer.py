"""An ML engineer's path, by keyboard: two versions compared, a split, a promotion, a way back."""

import pytest

from tests.console.browser.conftest import Demo, Visit
from tests.console.browser.keyboard import Keyboard

pytestmark = pytest.mark.full
MODEL = "purchase-propensity"


def test_an_engineer_compares_splits_promotes_and_rolls_back(visitor: Visit, demo: Demo) -> None:
    visitor.open("/console")
    keys, page = Keyboard(visitor), visitor.page
    keys.press("link", "Models")
    keys.press("link", MODEL)
    keys.choose("Look at version", "2")
    keys.choose("beside version", "1")
    keys.press("button", "Compare")
    visitor.wait_for_parts(120)
    assert page.get_by_role("heading", name="Does it keep its word?").is_visible()
    assert page.get_by_role("heading", name="Whom does it find?").is_visible()
    visitor.picture("engineering-compared")

    keys.unfold("Change share")
    keys.fill("Share of the customers, %", "25")
    keys.fill_next("a quarter, for a day")
    keys.press("button", "Set the share")
    assert "Version 2 answers 25 %" in page.inner_text("header.page")

    keys.fill("Why? The history keeps it", "it did better on <b>our</b> customers")
    keys.press("button", "Promote version 2")
    assert "Version 2 answers since" in page.inner_text("header.page")
    history = page.get_by_role("region", name="History").inner_text()
    assert "it did better on <b>our</b> customers" in history

    keys.unfold("Roll back")
    keys.fill_next("complaints")
    keys.press("button", "Roll back to revision")
    assert "Version 2 answers 25 %" in page.inner_text("header.page")
    done = demo.run("models", "history", MODEL)
    assert "complaints" in done
    assert visitor.errors == []
    assert visitor.foreign == []
