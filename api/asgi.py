"""The HTTP application as a server process makes it for itself."""

from contextlib import ExitStack

from litestar import Litestar

from api.bootstrap import application
from api.garbage import settle
from api.logs import configure_logging
from api.settings import load_settings


def create() -> Litestar:
    """The application of the settings in the environment; stopping it releases everything.

    Called in the serving process itself: neither connections nor models survive a fork.
    """
    settings = load_settings()
    configure_logging(settings.log_level)
    with ExitStack() as stack:
        built = stack.enter_context(application(settings))
        app = built.http(close=stack.pop_all().close)
    app.on_startup.append(settle)  # after the models are loaded
    return app
