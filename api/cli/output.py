"""How commands speak: one document on stdout, everything else on stderr."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from domain.errors import (
    Conflict,
    CorruptRecord,
    NotFound,
    PropensityError,
    Rejected,
    TablesDiffer,
    TrainingRefused,
    Unavailable,
)
from model_registry.errors import GateFailed

if TYPE_CHECKING:
    from rich.progress import Progress, TextColumn
    from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]

stderr = Console(stderr=True, highlight=False, soft_wrap=True)

EXIT_CODE_OF: dict[type[PropensityError], int] = {
    Rejected: 2,
    TrainingRefused: 3,
    GateFailed: 3,
    NotFound: 4,
    Conflict: 5,
    Unavailable: 6,
    CorruptRecord: 7,
    TablesDiffer: 8,
}
"""0 is success, 1 anything unexpected or unfinished, 130 an interruption."""


def exit_code(error: PropensityError) -> int:
    """The exit code of the most specific kind of error listed."""
    return next((EXIT_CODE_OF[kind] for kind in type(error).__mro__ if kind in EXIT_CODE_OF), 1)


def say(text: str) -> None:
    """A note for people; never part of the output."""
    stderr.print(text, markup=False)


def confirmed(question: str) -> None:
    """Returns when a person at a terminal says yes.

    Raises:
        Rejected: nobody is there to ask.
    """
    _check_somebody_is_there()
    typer.confirm(question, abort=True, err=True)


def typed_again(name: str) -> None:
    """Returns when a person at a terminal types the name once more.

    Raises:
        Rejected: nobody is there to ask, or something else was typed.
    """
    _check_somebody_is_there()
    typed: str = typer.prompt("type its name to go on", err=True)
    if typed != name:
        raise Rejected("name", f"{typed!r} is not {name!r}; nothing was done")


def _check_somebody_is_there() -> None:
    if sys.stdin is None or not sys.stdin.isatty():  # None where it is closed
        raise Rejected("--yes", "is needed where nobody can be asked: this cannot be undone")


_NO_EDGE = 10_000


def emit(document: object, *, as_json: bool, text: "str | Table") -> None:
    """The command's result: JSON for machines, else text for people."""
    if as_json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    elif isinstance(text, str):
        typer.echo(text)
    else:
        console = Console(highlight=False)
        if not console.is_terminal:  # a file or a pipe has no edge: a row is a line, for grep
            console.width = _NO_EDGE
        console.print(text)


def table(*columns: str, rows: Sequence[Sequence[object]]) -> "Table":
    """A plain table for people."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        grid.add_column(column, overflow="fold", no_wrap=position == 0)  # names stay whole
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    return grid


@contextmanager
def progress_bar(*columns: "TextColumn") -> "Generator[Progress, None, None]":
    """A progress bar on stderr; without a terminal it stays silent until the end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(columns or (MofNCompleteColumn(),)),
        TimeElapsedColumn(),
        console=stderr,
    ) as progress:
        yield progress
