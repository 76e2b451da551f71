"""The command that serves the HTTP API."""

import os
import signal
from base64 import urlsafe_b64encode
from secrets import token_bytes
from typing import Annotated

import typer

from api.composition import application, port_is_free
from api.process import PREFIX, Settings, configure_logging, load_settings
from domain.errors import Rejected

CURSOR_KEY = f"{PREFIX}CURSOR_KEY"
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
) -> None:
    """Serve the HTTP API until it is stopped."""
    settings = load_settings()
    host, port = host or settings.host, port or settings.port
    check_port(host, port)
    configure_logging(settings.log_level)
    with application(settings) as built:
        built.tables.verify()
    run_server(settings, host, port, workers=workers)


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


def run_server(settings: Settings, host: str, port: int, *, workers: int = 1) -> None:
    """Serves until SIGINT or SIGTERM, with so many processes; one that dies is replaced."""
    import uvicorn

    from api.entry.protocol import TimedProtocol

    if workers > 1 and settings.cursor_key is None:
        # Each page of a sequence may be another worker's to answer.
        os.environ[CURSOR_KEY] = urlsafe_b64encode(token_bytes(32)).decode()
    signal.signal(signal.SIGTERM, _end)  # as uvicorn raises it again once it has stopped
    uvicorn.run(
        "api.entry.asgi:create",
        factory=True,
        http=TimedProtocol,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.graceful_stop_s,
        host=host,
        port=port,
        workers=workers,
        timeout_worker_healthcheck=WORKER_SILENT_S,
        log_config=None,
        access_log=False,  # paths hold customer ids
        ws="none",  # refused upgrades would be logged with their path
        server_header=False,
        proxy_headers=False,  # nobody asks where a request comes from
    )


def _end(_number: int, _frame: object) -> None:
    """Ends as what was asked to end and did."""
    raise SystemExit(0)
