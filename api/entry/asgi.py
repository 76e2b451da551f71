"""The HTTP application as a server process makes it for itself."""

from contextlib import ExitStack
from functools import partial

from litestar import Litestar

from api.composition import application
from api.composition.server import http_application
from api.entry.draining import drain_before_stop
from api.process import configure_logging, freeze_garbage, load_settings, log_started


def create() -> Litestar:
    """The application of the settings in the environment; stopping it releases everything.

    Called in the serving process itself: neither connections nor models survive a fork.
    """
    settings = load_settings()
    configure_logging(settings.log_level)
    with ExitStack() as stack:
        built = stack.enter_context(application(settings, serving=True))
        app = http_application(built, close=stack.pop_all().close)
    app.on_startup.append(freeze_garbage)  # after the models are loaded
    app.on_startup.append(partial(drain_before_stop, settings.drain_s))
    app.on_shutdown.append(log_started("serve", settings))
    return app
