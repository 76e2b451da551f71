"""What goes on beside a demo's server, in a process of its own: households come, and visitors.

Run as a module with the arguments of `Beside`, by the demo alone.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from msgspec.structs import replace

from api.cli.demo.loading import by_quarters, days_of, load
from api.cli.demo.visitors import Visitors, is_ready
from api.cli.output import say
from api.composition import application
from api.process import load_settings
from domain.errors import PropensityError

NICE = 5
CONNECTIONS = 2
"""Few, and of lower priority than the server: the engine is one process, and pages must stay quick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is to be done beside a server: load up to `households`, send visitors, open a page.

    `visitors` are customers; without any, nobody comes.
    """

    port: int
    loaded: int
    households: int
    visitors: Sequence[str]
    page: str | None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return self.households > self.loaded or bool(self.visitors) or self.page is not None

    def __call__(self) -> None:
        """Returns when the server is gone."""
        while not is_ready(self.port):
            if _is_orphan():
                return
            time.sleep(0.2)  # the server is still starting
        if self.page is not None:
            webbrowser.open(self.page)
        if self.visitors:
            visitors = Visitors(
                self.port,
                self.visitors,
                currency=load_settings().currency,
                chance=random.Random(),  # noqa: S311  # no secret
            )
            threading.Thread(target=visitors, args=(_is_orphan,), daemon=True).start()
        if self.households > self.loaded:
            self._load_the_others()
        while not _is_orphan():
            time.sleep(1)  # visitors come in a thread of their own

    def _load_the_others(self) -> None:
        try:
            settings = replace(load_settings(), connections=CONNECTIONS)
            with application(settings, batch=True) as built:
                load(
                    built,
                    self.households,
                    days=days_of(self.households),
                    without=self.loaded,
                    imported=by_quarters,
                )
        except PropensityError as exc:
            say(f"the other households are not all there: {exc}; start the demo again to go on")


@contextmanager
def beside(work: Beside) -> Iterator[None]:
    """The work goes on while the block does; it ends with it."""
    if not work.is_needed:
        yield
        return
    command = [sys.executable, "-m", __name__, json.dumps(asdict(work))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # ourselves
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _is_orphan() -> bool:
    return os.getppid() != _PARENT


_PARENT = os.getppid()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the demo's, which ends this
    os.nice(NICE)
    Beside(**json.loads(sys.argv[1]))()
