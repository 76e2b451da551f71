"""A server, a shop's pages on another origin, and a real browser that looks at them."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from litestar import Litestar
from playwright.sync_api import Browser, Page, sync_playwright

from adapters.clock import SystemClock
from adapters.listening import free_port
from api.http.access import Access
from domain.keys import KeyKind
from tests.api.conftest import KEYS, Shop, app_over
from tests.builders import a_purchase

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Chromium as root, which asks nobody but the pages' servers."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; its event loop must not run on when tests come that begin their own."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a new visitor."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


class _Pages(SimpleHTTPRequestHandler):
    """The pages of a shop, written by tests, beside the SDKs from npm."""

    def translate_path(self, path: str) -> str:
        if path.startswith("/node_modules/"):
            return str(HERE) + path.partition("?")[0]
        return super().translate_path(path)

    def end_headers(self) -> None:
        policy = Path(self.directory) / "policy"
        if policy.exists():
            self.send_header("Content-Security-Policy", policy.read_text())
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@dataclass
class Site:
    """The pages of one origin: `write` one, and open it at `address`."""

    folder: Path
    address: str

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return f"{self.address}/{name}"


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(folder, f"http://localhost:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Site]:
    """The shop's own origin."""
    with site(tmp_path / "pages") as found:
        yield found


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Site]:
    """An origin that no key names."""
    with site(tmp_path / "strangers") as found:
        yield found


@dataclass
class Served:
    """The API over a store in memory, at `address`, until it is stopped."""

    shop: Shop
    port: int = field(default_factory=free_port)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, app: Litestar | None = None) -> None:
        config = uvicorn.Config(
            app or app_over(self.shop), host="127.0.0.1", port=self.port, log_config=None
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def served(pages: Site) -> Iterator[Served]:
    """A server whose publishable key is for the shop's pages."""
    shop = Shop()
    shop.clock.now = SystemClock()()  # tokens are signed by programs with a clock of their own
    ours = frozenset({pages.address})
    keys = [replace(key, origins=ours) if key.kind is KeyKind.PUBLISHABLE else key for key in KEYS]
    shop.keyring.replace(keys, asked_at=0.0)
    shop.access = Access(keyring=shop.keyring)
    bought_at = shop.clock.now - 1_000_000
    buyer = a_purchase(customer_id="buyer", amount_minor=100, purchased_at=bought_at)
    shop.purchases[buyer.customer_id, buyer.purchase_id] = buyer
    served = Served(shop)
    served.start()
    yield served
    served.stop()
