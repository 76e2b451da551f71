"""A period as two options of a command."""

from typing import Annotated

import typer

from domain.errors import Rejected
from domain.values import instant

From = Annotated[
    str | None,
    typer.Option("--from", help="Decisions since this RFC 3339 instant.", show_default=False),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Decisions before this RFC 3339 instant.", show_default="now"),
]


def period(since: str | None, until: str | None, *, now: int, length_us: int) -> tuple[int, int]:
    """The first instant and the one after the last; without `since`, so long before the end.

    Raises:
        Rejected: one is no instant, or the period is empty.
    """
    end = now if until is None else _instant("--until", until)
    start = end - length_us if since is None else _instant("--from", since)
    if start >= end:
        raise Rejected("--from", "must lie before --until")
    return start, end


def _instant(option: str, text: str) -> int:
    try:
        return instant.parse(text)
    except ValueError as exc:
        raise Rejected(option, str(exc)) from exc
