"""The console over the application, where it is installed and wanted."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.metrics.exposition import FOLDER
from api.composition.campaigns import campaign_file, memberships_of
from api.composition.experiments import campaign_measurements
from api.composition.pictures import open_pictures
from api.composition.queues import queues
from api.composition.web import flags_of
from api.process import Settings, is_loopback
from domain.errors import Rejected
from domain.values import Consistency

if TYPE_CHECKING:
    from litestar import Litestar

    from api.composition.application import Application
    from api.console.documents.operations import Pair
    from api.console.traffic import TrafficWatch

LOOKING_DEADLINE_S = 2.0
"""A person who looks waits longer than a page of a shop."""
_THREADS = 40
"""Pages wait for drawings in threads; other routes that block must find some all the same."""


def check_console(settings: Settings) -> None:
    """Returns when the console is not wanted, or can be served.

    Raises:
        Rejected: it is wanted and not installed.
    """
    if settings.console:
        try:
            import jinja2  # noqa: F401
            import vl_convert  # noqa: F401
        except ImportError as exc:
            raise Rejected(
                "PROPENSITY_CONSOLE",
                "is on, and the console is not installed: pip install 'propensity[console]'",
            ) from exc


def console_of(built: "Application") -> "Callable[[Litestar], None] | None":
    """What adds the console to a server's application; None where it is not wanted."""
    settings = built.settings
    if not settings.console:
        return None
    from api.composition.decision_log import open_decision_log
    from api.composition.doctor import examine
    from api.composition.looking_back import outcomes_of
    from api.console.documents.operations import Queues
    from api.console.kept import Kept
    from api.console.preview import PreviewChange
    from api.console.router import console_router
    from api.console.services import ConsoleServices
    from api.console.sessions import Seals
    from api.console.signing_in import SEALS, SECURE
    from domain.customers import FindCustomer
    from domain.prediction import DecideFlags

    key = settings.console_key
    seals = Seals([] if key is None else key.value.split(","), clock=built.clock)
    drawings = open_pictures()
    traffic = _traffic(built)
    measurements = campaign_measurements(built)
    services = ConsoleServices(
        clock=built.clock,
        currency=built.currency,
        draws=drawings,
        kept=Kept(built.clock),
        traffic=traffic,
        join=outcomes_of(built) if settings.decision_log else None,
        examine=partial(examine, settings),
        queues=Queues(
            queue=settings.queue,
            dead_letter_queue=settings.dead_letter_name,
            opened=partial(_opened, settings),
        ),
        find=FindCustomer(
            history=built.history,
            recent=built.recent,
            records=built.records,
            retention=settings.retention.purchases,
            clock=built.clock,
        ),
        records=built.records,
        memberships=partial(memberships_of, settings),
        campaign_file=partial(campaign_file, settings),
        measurements=measurements,
        preview=PreviewChange(
            presence=built.presence,
            log=open_decision_log(settings) if settings.decision_log else None,
            history=built.history,
            read=built.predict.score.read[Consistency.STRONG],
            index=built.index,
            flags=flags_of(settings),
            policy=settings.banner_policy,
            first_model=settings.served_models[0],
            clock=built.clock,
        ),
        usd_per_unit=settings.read_price_per_million / 1_000_000,
        predict=built.predict,
        decide=DecideFlags(
            predict=built.predict, flags=flags_of(settings), deadline_s=LOOKING_DEADLINE_S
        ),
    )

    def more_threads() -> None:
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="blocking")
        asyncio.get_running_loop().set_default_executor(pool)

    def add(app: "Litestar") -> None:
        app.on_startup.append(more_threads)
        app.state[SEALS] = seals
        app.state[SECURE] = not is_loopback(settings.host)
        app.on_shutdown.append(drawings.close)
        if traffic is not None:
            app.on_startup.append(traffic.start)
            app.on_shutdown.append(traffic.stop)
        app.on_shutdown.append(measurements.stop)
        app.register(console_router(services))

    return add


def _traffic(built: "Application") -> "TrafficWatch | None":
    """What looks at the requests of all processes of this command, where they are counted."""
    if built.metrics is None:
        return None
    from adapters.metrics.counted import CountedRequests
    from api.console.traffic import TrafficWatch

    return TrafficWatch(CountedRequests(Path(os.environ[FOLDER])), built.clock)


@contextmanager
def _opened(settings: Settings) -> "Iterator[Pair]":
    from api.console.documents.operations import Pair

    with queues(settings) as client:
        yield Pair(client.queue(settings.queue), client.queue(settings.dead_letter_name))
