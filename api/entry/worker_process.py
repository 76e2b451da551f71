"""A process that runs calls for others: it keeps its connections and models for the next call."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import TypeVar

from msgspec import structs

from api.composition import application
from api.process import Settings, freeze_garbage, load_settings
from domain.prediction import Traffic

T = TypeVar("T")


def for_workers(settings: Settings) -> Settings:
    """The settings as they travel: without secrets, for those are the worker's own."""
    return structs.replace(
        settings,
        home=settings.home.resolve(),
        access_key_id=None,
        secret_access_key=None,
        cursor_key=None,
        customer_token_secret=None,
        customer_token_other_secret=None,
        demo_shop=False,
    )


class WorkerProcess:
    """What a thread of a worker keeps between calls: an application, its models, an event loop."""

    _here = threading.local()

    def __init__(self, settings: Settings) -> None:
        own = load_settings()
        merged = structs.replace(
            settings, access_key_id=own.access_key_id, secret_access_key=own.secret_access_key
        )
        self._settings = settings
        self._resources = ExitStack()
        self._runner = self._resources.enter_context(asyncio.Runner())
        self.application = self._resources.enter_context(application(merged, batch=True))
        self.clock = self.application.clock
        self._traffic: dict[tuple[str, int], Traffic] = {}

    @classmethod
    def of(cls, settings: Settings) -> "WorkerProcess":
        """This thread's, of these settings; that of others is closed."""
        mine: WorkerProcess | None = getattr(cls._here, "process", None)
        if mine is None or mine._settings != settings:  # noqa: SLF001  # its own class
            if mine is not None:
                mine._resources.close()  # noqa: SLF001
            mine = cls._here.process = cls(settings)
        return mine

    def traffic(self, model: str, revision: int) -> Traffic:
        """The versions of that revision, checked and loaded once.

        Raises:
            CorruptRecord, NotFound, Unavailable: they cannot be loaded here.
        """
        if (model, revision) not in self._traffic:
            self._traffic[model, revision] = self.application.traffic_at(model, revision)
            freeze_garbage()
        return self._traffic[model, revision]

    def run(self, coroutine: Coroutine[None, None, T]) -> T:
        """Its result, on the loop that the connections belong to."""
        return self._runner.run(coroutine)
