"""Commands of the embedded engine."""

from typing import Annotated

import typer

from api import composition
from api.cli.output import AsJson, emit
from api.process import load_settings

app = typer.Typer(
    help="The embedded DynamoDB engine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("start")
def start_engine(*, as_json: AsJson = False) -> None:
    """Start the embedded engine on loopback; its data is under the home folder.

    It writes its data to disk when it is stopped: a kill loses what came since its start.
    """
    found = composition.engine(load_settings())
    started = found.start()
    text = f"{'started' if started else 'already running'} on http://127.0.0.1:{found.port}"
    emit({"started": started, "port": found.port, "pid": found.pid}, as_json=as_json, text=text)


@app.command("stop")
def stop_engine(*, as_json: AsJson = False) -> None:
    """Stop the embedded engine; its data is on disk afterwards."""
    found = composition.engine(load_settings())
    stopped = found.stop()
    nothing = f"no engine of this folder is running on port {found.port}"
    text = "stopped, its data is saved" if stopped else nothing
    emit({"stopped": stopped}, as_json=as_json, text=text)


@app.command("status")
def engine_status(*, as_json: AsJson = False) -> None:
    """Whether this folder's embedded engine runs."""
    found = composition.engine(load_settings())
    answers, pid = found.answers, found.pid
    where = f"on http://127.0.0.1:{found.port}"
    if pid is None:
        stranger = f"; another engine answers {where}, not started from this folder"
        text = "not running" + (stranger if answers else "")
    else:
        text = f"{'running' if answers else 'not answering'} {where} (pid {pid})"
    running = answers and pid is not None
    emit({"running": running, "port": found.port, "pid": pid}, as_json=as_json, text=text)


@app.command("export")
def export_engine(
    location: Annotated[str, typer.Argument(metavar="FOLDER", help="Where AWSDynamoDB/ goes.")],
    *,
    changes: Annotated[
        bool, typer.Option("--changes", help="Only what changed since the exports there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export the engine's purchases as DynamoDB exports a table to S3: for trying `train --export`.

    For a table on AWS: `aws dynamodb export-table-to-point-in-time`.
    """
    name = composition.export_engine(load_settings(), location, changes=changes)
    emit({"export": name}, as_json=as_json, text=f"exported to {location}/AWSDynamoDB/{name}")
