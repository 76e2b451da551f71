"""The command `propensity`: its parts, and what its exit codes mean."""

import signal
import sys
from importlib import metadata
from typing import Annotated

import typer

from api.cli.lazy import lazy_group
from api.cli.output import exit_code, say
from domain.errors import PropensityError

COMMANDS = {
    "demo": (
        "api.cli.demo.command:demo",
        "Start the engine, load real purchases, train, promote and serve. Ctrl-C stops it all.",
    ),
    "serve": ("api.cli.serving:serve", "Serve the HTTP API until it is stopped."),
    "import": (
        "api.cli.purchases:import_purchases",
        "Record purchases from a file; running it again doubles nothing.",
    ),
    "train": (
        "api.cli.training:train",
        "Train on the stored purchases, check on the held-out last period, register a version.",
    ),
    "training-set": (
        "api.cli.training_set:write_training_set",
        "Write the training set to a Parquet file: every row with its features and label.",
    ),
    "predict": ("api.cli.predicting:predict", "Predict one customer's propensity."),
    "refund": (
        "api.cli.customers:refund",
        "Refund a purchase in part or whole, whether it came before or comes later.",
    ),
    "cancel": (
        "api.cli.customers:cancel",
        "Cancel a purchase for good, whether it came before or comes later.",
    ),
    "erase": (
        "api.cli.customers:erase",
        "Erase a customer, and refuse new purchases of theirs for a while; prints a receipt.",
    ),
    "erase-again": (
        "api.cli.customers:erase_again",
        "Erase again whoever is suppressed: after a restore, and what was interrupted.",
    ),
    "export-customer": (
        "api.cli.customers:export_customer",
        "Write all that is held about a customer, as one JSON document.",
    ),
    "audience": (
        "api.cli.audience.command:audience",
        "List a category's customers with their propensity.",
    ),
    "campaign": (
        "api.cli.campaigns.command:app",
        "Campaigns: frozen members, files for campaign tools, and whether they worked.",
    ),
    "costs": (
        "api.cli.bill:costs",
        "Compute what a month costs at DynamoDB: units, storage and US dollars. It asks no store.",
    ),
    "rebuild": (
        "api.cli.consistency:rebuild",
        "Compute the recent purchases again from the stored ones, while traffic goes on.",
    ),
    "verify": (
        "api.cli.consistency:verify",
        (
            "Compare recent with stored purchases, and features on both paths; "
            "exits with 1 on any difference."
        ),
    ),
    "replay": (
        "api.cli.replaying:replay",
        (
            "Compute logged decisions again, and compare to the last bit; "
            "exits with 1 on a difference that nothing explains."
        ),
    ),
    "outcomes": (
        "api.cli.outcomes:outcomes",
        "Compare what a model foretold with what was bought since, and with what training promised.",
    ),
    "doctor": (
        "api.cli.doctor:doctor",
        "Check settings, tables, registry, model and decision log; exits with 1 when something is wrong.",
    ),
    "settings": (
        "api.cli.settings:settings",
        "Print every setting with its value; secrets are masked.",
    ),
    "features": ("api.cli.features:app", "Feature sets: what a model learns from."),
    "models": ("api.cli.models:app", "Versions of models, and which one serves."),
    "token": (
        "api.cli.tokens:token",
        "Sign a customer's token, as the shop's server would; for trying it.",
    ),
    "snippet": (
        "api.cli.snippet:snippet",
        "Print the tag that a shop's page loads to show its banner, with its integrity hash.",
    ),
    "categories": (
        "api.cli.categories:app",
        "Categories: how large they are, and how fast each takes purchases.",
    ),
    "decisions": (
        "api.cli.decisions:app",
        "The log of decisions: what it holds, and keeping it in order.",
    ),
    "flags": ("api.cli.flags:app", "Flags: whether what they decide sells more."),
    "keys": ("api.cli.keys:app", "Keys: who may ask the HTTP API for what."),
    "audit": (
        "api.cli.audit:audit",
        "Show who did what that changes something for others, the oldest first.",
    ),
    "worker": ("api.cli.worker:app", "Purchases from a queue of SQS."),
    "tables": ("api.cli.tables:app", "The DynamoDB tables."),
    "db": ("api.cli.engine:app", "The embedded DynamoDB engine."),
}
"""Where each command is, and its line in the help: the first of its docstring."""

app = typer.Typer(
    name="propensity",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # its panels cost three times the imports of typer and rich
)


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
