"""The command `propensity`: its parts, and what its exit codes mean."""

import signal
import sys
from importlib import metadata
from typing import Annotated

import typer

from api.cli import (
    comparison,
    customers,
    demo,
    doctor,
    models,
    purchases,
    serving,
    training,
    worker,
)
from api.cli import consistency as truth
from api.cli.audience import command as audience
from api.cli.output import exit_code, say
from domain.errors import PropensityError

app = typer.Typer(
    name="propensity",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("serve")(serving.serve)
app.command("import")(purchases.import_purchases)
app.command("train")(training.train)
app.command("predict")(serving.predict)
app.command("cancel")(serving.cancel)
app.command("erase")(customers.erase)
app.command("export-customer")(customers.export_customer)
app.command("audience")(audience.audience)
app.command("rebuild")(truth.rebuild)
app.command("verify")(truth.verify)
app.command("doctor")(doctor.doctor)
app.command("settings")(doctor.settings)
models.app.command("compare")(comparison.compare)
app.add_typer(models.app, name="models")
app.add_typer(worker.app, name="worker")
app.add_typer(purchases.tables, name="tables")
app.add_typer(purchases.engine, name="db")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # Typer calls it so
    if wanted:
        typer.echo(metadata.version("propensity"))
        raise typer.Exit


@app.callback()
def propensity(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Will this customer buy? Propensities from purchases in DynamoDB."""


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits with its code; an error is one line that names the way out."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as on Ctrl-C: in good order
    try:
        app(arguments)
    except PropensityError as exc:
        say(f"error: {exc}")
        sys.exit(exit_code(exc))
