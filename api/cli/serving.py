"""Commands that answer: the HTTP server, and one prediction."""

import asyncio
import os
from typing import Annotated

import typer
import uvicorn
from cryptography.fernet import Fernet

from api.bootstrap import application, port_is_free
from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, say
from api.documents import CancellationReport, CustomerPropensity, cost_used
from api.process import PREFIX, Settings, configure_logging, load_settings
from domain.cost import metered
from domain.errors import InvalidRequest, Rejected
from domain.values import instant

CURSOR_KEY = f"{PREFIX}CURSOR_KEY"
WORKER_SILENT_S = 30
"""Seconds after which a worker is taken for hung and replaced: it says nothing while it starts, and
on a busy machine that takes longer than uvicorn's own 5."""


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
    if workers > 1 and settings.cursor_key is None:
        # Each page of a sequence may be another worker's to answer.
        os.environ[CURSOR_KEY] = Fernet.generate_key().decode()
    uvicorn.run(
        "api.entry.asgi:create",
        factory=True,
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


def predict(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    as_of: Annotated[
        str | None,
        typer.Option(help="As known at this RFC 3339 instant.", show_default="now"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict one customer's propensity."""
    moment = None if as_of is None else _instant(as_of)
    with application(load_settings()) as built:
        built.live.start()
        for problem in built.live.problems:
            say(f"not loaded: {problem}")
        with metered() as cost:
            prediction = asyncio.run(built.predict(customer, as_of=moment))
        answer = CustomerPropensity.of(prediction, cost)
    emit(answer, as_json=as_json, text=f"{_describe(answer)}\n{cost_text(cost)}")


def cancel(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    purchase: Annotated[str, typer.Argument(help="The purchase's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Cancel a purchase for good, whether it came before or comes later."""
    with application(load_settings()) as built, metered() as cost:
        outcome = asyncio.run(built.cancel(customer, purchase))
    report = CancellationReport(outcome=outcome, cost=cost_used(cost))
    emit(report, as_json=as_json, text=f"{outcome}\n{cost_text(cost)}")


def _instant(text: str) -> int:
    try:
        return instant.parse(text)
    except ValueError as exc:
        raise InvalidRequest("--as-of", str(exc)) from exc


def _describe(answer: CustomerPropensity) -> str:
    features = ", ".join(f"{name} = {value:g}" for name, value in answer.features.items())
    banner = "show the banner" if answer.decision.show else "no banner"
    history = f"{answer.purchases_read} purchases read" if answer.purchases_read else "no purchases"
    return (
        f"{answer.customer_id} buys within {answer.horizon_days} days with probability "
        f"{answer.probability:.3f}: {banner} ({answer.decision.reason})\n"
        f"{features}; {history}; as of {answer.as_of}; "
        f"{answer.model.name} version {answer.model.version}"
    )
