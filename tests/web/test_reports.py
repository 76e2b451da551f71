"""A version's report in a real browser: light and dark, wide and narrow, offline, for everybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from adapters.pictures import VegaDrawings
from api.pictures import DARK, LIGHT
from api.pictures.style import DATA_1
from api.report import model_report
from model_registry.evaluation import compare
from tests.registries import a_registry
from tests.unit.test_model_report import WEIGHED, judged_by, registered
from tests.web.conftest import MODULES

pytestmark = pytest.mark.full
VIOLATIONS = "async () => (await axe.run()).violations.map((each) => each.id + ': ' + each.help)"
FILLS = (
    "() => [...document.querySelectorAll('svg path')].map((each) => getComputedStyle(each).fill)"
)
FONT = "() => [...document.fonts].map((each) => each.family + ' ' + each.status)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry, draws = a_registry(), VegaDrawings()
    worse, better = (
        registered(registry, judged_by(2.0)),
        registered(registry, judged_by(0.1, **WEIGHED)),
    )
    comparison = compare(worse.manifest, better.manifest, registry.blob)
    page = model_report(better, draws, beside=worse, comparison=comparison)
    draws.close()
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture(
    params=[(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark"), (1920, "dark")]
)
def opened(
    request: pytest.FixtureRequest, browser: Browser, report: Path
) -> Iterator[tuple[Page, str, list[str]]]:
    """The report at a width and in a theme, and whatever the browser complained of or asked for."""
    width, theme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
    )
    page, seen = context.new_page(), list[str]()
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda asked: seen.append(asked.url))
    page.goto(report.as_uri())
    yield page, theme, seen
    context.close()


def test_nothing_leaves_and_nothing_is_wrong(
    opened: tuple[Page, str, list[str]], report: Path
) -> None:
    page, _, seen = opened
    assert [each for each in seen if each != report.as_uri() and not each.startswith("data:")] == []
    assert page.evaluate(FONT) == ["Inter loaded"]


def test_drawings_are_in_the_colours_of_the_theme(opened: tuple[Page, str, list[str]]) -> None:
    page, theme, _ = opened
    wanted = (LIGHT if theme == "light" else DARK)[DATA_1].lstrip("#")
    red, green, blue = (int(wanted[at : at + 2], 16) for at in (0, 2, 4))
    assert f"rgb({red}, {green}, {blue})" in page.evaluate(FILLS)


def test_no_page_is_wider_than_its_screen(opened: tuple[Page, str, list[str]]) -> None:
    page, _, _ = opened
    wider = "() => document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(wider) <= 0


def test_axe_finds_nothing(opened: tuple[Page, str, list[str]]) -> None:
    page, _, _ = opened
    for summary in page.locator("summary").all():
        summary.click()
    page.add_script_tag(path=MODULES / "axe-core" / "axe.min.js")
    found: list[Any] = page.evaluate(VIOLATIONS)
    assert found == []


def test_the_policy_of_the_page_lets_no_script_run(browser: Browser, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    with pytest.raises(Exception, match=r"Content Security Policy|evaluate"):
        page.add_script_tag(content="window.ran = true")
    assert page.evaluate("() => window.ran") is None
    page.close()
