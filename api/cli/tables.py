"""Commands of the tables."""

import typer

from api.cli.output import AsJson, emit
from api.composition import application
from api.process import load_settings

app = typer.Typer(
    help="The DynamoDB tables.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@app.command("create")
def create_tables(*, as_json: AsJson = False) -> None:
    """Create the tables that do not exist yet, and check the ones that do."""
    with application(load_settings(), batch=True) as built:
        created = built.tables.create()
    text = f"created {', '.join(created)}" if created else "nothing to create: every table is there"
    emit({"created": created}, as_json=as_json, text=text)


@app.command("check")
def check_tables(*, as_json: AsJson = False) -> None:
    """Compare the live tables' keys, indexes and TTL with what this version needs."""
    with application(load_settings()) as built:
        built.tables.verify()
    emit({"tables": "ok"}, as_json=as_json, text="keys, indexes and TTL are as they must be")
