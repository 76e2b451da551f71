"""The command that serves the HTTP API."""

import asyncio
import os
import signal
from base64 import urlsafe_b64encode
from secrets import token_bytes
from typing import Annotated

import typer
from msgspec.structs import replace

from api.composition import (
    Application,
    application,
    check_console,
    check_decision_log,
    check_traces,
    exposed_metrics,
    port_is_free,
)
from api.process import (
    PREFIX,
    Settings,
    configure_logging,
    garbage_held,
    is_loopback,
    load_settings,
)
from domain.errors import Rejected

CURSOR_KEY, CONSOLE_KEY = f"{PREFIX}CURSOR_KEY", f"{PREFIX}CONSOLE_KEY"
WORKER_SILENT_S = 30
"""Seconds after which a silent worker is replaced. It is silent while it starts, and on a busy
machine that takes longer than uvicorn's own 5."""


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to serve on.", show_default="the setting")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Port to serve on.", show_default="the setting"),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes; one per core is a good start.")
    ] = 1,
    open_access: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Answer without a key whatever changes nothing for others, on any address.",
        ),
    ] = False,
    proxy_headers: Annotated[
        str | None,
        typer.Option(
            metavar="FROM",
            help="Addresses or networks of your proxies, by commas, whose X-Forwarded-For and "
            "X-Forwarded-Proto are believed.",
            show_default="nobody's",
        ),
    ] = None,
) -> None:
    """Serve the HTTP API until it is stopped.

    On loopback it needs no key while there is none. On any other address it needs one in store, or
    --open.
    """
    with garbage_held():
        _serve(host, port, workers, proxy_headers, open_access=open_access)


def _serve(
    host: str | None, port: int | None, workers: int, proxies: str | None, *, open_access: bool
) -> None:
    given = load_settings()
    settings = replace(
        given,
        host=host or given.host,
        port=port or given.port,
        open_access=open_access or given.open_access,
    )
    check_port(settings.host, settings.port)
    check_traces()
    check_decision_log(settings)
    check_console(settings)
    configure_logging(settings.log_level)
    with application(settings) as built:
        built.tables.verify()
        if not (is_loopback(settings.host) or settings.open_access):
            check_keys(built, settings.host)
    with exposed_metrics(settings):
        run_server(settings, workers=workers, proxies=proxies)


def check_keys(built: Application, host: str) -> None:
    """Returns when somebody can be let in.

    Raises:
        Rejected: there is no key that allows anything; names the way out.
    """
    now = built.clock()
    if not any(key.why_not(now) is None for key in asyncio.run(built.keys.every())):
        raise Rejected(
            "--host",
            f"is {host}, which others reach, and no key allows anything: create one (propensity "
            "keys create ACTOR --scope SCOPE), or say --open",
        )


def check_port(host: str, port: int) -> None:
    """Returns when nobody listens on the port.

    Raises:
        Rejected: somebody does; names the way out.
    """
    if not port_is_free(port, host):
        raise Rejected(
            "port",
            f"{host}:{port} is in use; choose another one: --port {port + 10} "
            f"(make demo PORT={port + 10})",
        )


def run_server(settings: Settings, *, workers: int = 1, proxies: str | None = None) -> None:
    """Serves until SIGINT or SIGTERM, with so many processes; one that dies is replaced.

    What `proxies` say of the client's address and scheme is believed.
    """
    import uvicorn

    from api.entry.protocol import TimedProtocol

    # Serving processes read their settings from the environment.
    os.environ[f"{PREFIX}HOST"] = settings.host
    os.environ[f"{PREFIX}OPEN_ACCESS"] = str(settings.open_access).lower()
    if workers > 1:
        # Each page of a sequence or of the console may be another worker's to answer.
        for name, key in ((CURSOR_KEY, settings.cursor_key), (CONSOLE_KEY, settings.console_key)):
            if key is None:
                os.environ[name] = urlsafe_b64encode(token_bytes(32)).decode()
    signal.signal(signal.SIGTERM, _end)  # as uvicorn raises it again once it has stopped
    uvicorn.run(
        "api.entry.asgi:create",
        factory=True,
        http=TimedProtocol,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.graceful_stop_s,
        host=settings.host,
        port=settings.port,
        workers=workers,
        timeout_worker_healthcheck=WORKER_SILENT_S,
        log_config=None,
        access_log=False,  # paths hold customer ids
        ws="none",  # refused upgrades would be logged with their path
        server_header=False,
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies,
    )


def _end(_number: int, _frame: object) -> None:
    """Ends as what was asked to end and did."""
    raise SystemExit(0)
