"""The demo as people start it, and a real browser that opens its console."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.e2e.test_demo import PROPENSITY, await_ready
from tests.web.conftest import MODULES, browser

__all__ = ["browser"]  # a fixture of ours too
AXE = (MODULES / "axe-core" / "axe.min.js").read_text() if MODULES.exists() else ""

PATIENCE_MS = 120_000
"""What takes a second takes long on a busy machine."""
PICTURES = os.environ.get("TEST_PICTURES")
"""A folder that pictures of the pages are written to."""


@dataclass
class Demo:
    """A demo that serves, at `address`, over the data in `home`."""

    home: Path
    address: str
    environment: dict[str, str]

    @property
    def campaign(self) -> str:
        """The name of its finished campaign."""
        (campaign,) = httpx.get(f"{self.address}/v1/campaigns").json()["campaigns"]
        return str(campaign["name"])

    def run(self, *command: str) -> str:
        """What a command of propensity prints, on the demo's data."""
        done = subprocess.run(
            [PROPENSITY, *command],
            cwd=self.home,
            env=os.environ | self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo with few households; it stops at the end."""
    home, port, engine_port = tmp_path_factory.mktemp("demo"), free_port(), free_port()
    environment = {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine_port}",
        "PROPENSITY_CONSOLE": "true",
        "PROPENSITY_METRICS_PORT": str(free_port()),
    }
    log = home / "demo.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [PROPENSITY, "demo", "--port", str(port), "--households", "300"],
            cwd=home,
            env=os.environ | environment,
            stderr=stream,
            text=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=address, timeout=30) as server:
            await_ready(process, server, log)
        yield Demo(home, address, environment)
    finally:
        process.terminate()
        process.wait()
        EmbeddedEngine(home / ".propensity" / "engine", engine_port).stop()


@dataclass
class Visit:
    """A browser's window on the console, and what went wrong in it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """The page, once nothing of it is loading."""
        self.page.goto(self.address + path)
        self.settle()

    def settle(self) -> None:
        """Wait until neither requests nor exchanges of htmx run."""
        self.page.wait_for_load_state("networkidle")
        expect(self.page.locator(".htmx-request")).to_have_count(0, timeout=PATIENCE_MS)

    def wait_for_parts(self, seconds: float) -> None:
        """Wait until no part of the page is to come any more."""
        waiting = self.page.locator("[aria-busy=true]:visible")
        expect(waiting).to_have_count(0, timeout=1_000 * seconds)
        self.settle()

    def unfold(self) -> None:
        """Open all that is folded."""
        folded = self.page.locator("details:not([open]) > summary:visible")
        while folded.count():
            folded.first.click()

    def picture(self, name: str) -> None:
        """The whole page as a file, where one asked for pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    def violations(self) -> list[str]:
        """What axe finds: each rule with the first element that breaks it."""
        self.page.evaluate(AXE)  # by the debugger, so the page's policy is not asked
        found = self.page.evaluate("axe.run().then(r => r.violations)")
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]

    @property
    def too_wide(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def window(browser: Browser, address: str, **context: object) -> tuple[BrowserContext, Visit]:
    """A new visitor's window on the console of a server."""
    opened = browser.new_context(**context)  # type: ignore[arg-type]  # the caller's options
    opened.set_default_timeout(PATIENCE_MS)
    page = opened.new_page()
    seen = Visit(page, address)
    page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((address, "data:")) else seen.foreign.append(asked.url)
        ),
    )
    return opened, seen


@pytest.fixture
def visitor(browser: Browser, demo: Demo) -> Iterator[Visit]:
    """A visitor with an ordinary window."""
    context, seen = window(browser, demo.address, viewport={"width": 1280, "height": 960})
    yield seen
    context.close()
