"""The console over the application, where it is installed and wanted."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from api.composition.campaigns import campaign_file, memberships_of
from api.composition.experiments import campaign_measurements
from api.composition.pictures import open_pictures
from api.composition.web import flags_of
from api.process import Settings, is_loopback
from domain.errors import Rejected

if TYPE_CHECKING:
    from litestar import Litestar

    from api.composition.application import Application

LOOKING_DEADLINE_S = 2.0
"""A person who looks waits longer than a page of a shop."""


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
    from api.console.kept import Kept
    from api.console.router import console_router
    from api.console.services import ConsoleServices
    from api.console.sessions import Seals
    from api.console.signing_in import SEALS, SECURE
    from domain.customers import FindCustomer
    from domain.prediction import DecideFlags

    key = settings.console_key
    seals = Seals([] if key is None else key.value.split(","), clock=built.clock)
    drawings = open_pictures()
    measurements = campaign_measurements(built)
    services = ConsoleServices(
        clock=built.clock,
        currency=built.currency,
        draws=drawings,
        kept=Kept(built.clock),
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
        usd_per_unit=settings.read_price_per_million / 1_000_000,
        predict=built.predict,
        decide=DecideFlags(
            predict=built.predict, flags=flags_of(settings), deadline_s=LOOKING_DEADLINE_S
        ),
    )

    def add(app: "Litestar") -> None:
        app.state[SEALS] = seals
        app.state[SECURE] = not is_loopback(settings.host)
        app.on_shutdown.extend([measurements.stop, drawings.close])
        app.register(console_router(services))

    return add
