"""The command `propensity`: its parts, and what its exit codes mean."""

import signal
import sys

import typer

from api.cli import demo, doctor, models, purchases, serving, training
from api.cli.output import exit_code, say
from domain.errors import PropensityError

app = typer.Typer(
    name="propensity",
    help="Will this customer buy? Propensities from purchases in DynamoDB.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("serve")(serving.serve)
app.command("import")(purchases.import_purchases)
app.command("train")(training.train)
app.command("predict")(serving.predict)
app.command("doctor")(doctor.doctor)
app.command("settings")(doctor.settings)
app.add_typer(models.app, name="models")
app.add_typer(purchases.tables, name="tables")
app.add_typer(purchases.engine, name="db")


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits with its code; an error is one line that names the way out."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as on Ctrl-C: in good order
    try:
        app(arguments)
    except PropensityError as exc:
        say(f"error: {exc}")
        sys.exit(exit_code(exc))
