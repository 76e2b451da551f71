"""The command that shows who did what, and how commands write it down."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
from msgspec import Meta, Struct

from api.cli.actor import actor
from api.cli.output import AsJson, emit, table
from api.composition import audit_trail
from api.process import Settings, load_settings
from domain.audit import Act, Entry, Target, Who
from domain.values import MICROS_PER_DAY, instant


class EntryReport(Struct, frozen=True, kw_only=True):
    """One act."""

    at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    actor: str
    act: str
    target: str
    name: str | None
    outcome: str
    request_id: str

    @classmethod
    def of(cls, entry: Entry) -> "EntryReport":
        """The entry as it is shown."""
        return cls(
            at=instant.render(entry.at),
            actor=entry.actor,
            act=entry.act,
            target=entry.target,
            name=entry.name,
            outcome=entry.outcome,
            request_id=entry.request_id,
        )


def audit(
    *,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days back.")] = 30,
    actor: Annotated[
        str | None, typer.Option(help="Only this one's acts.", show_default="everybody's")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who did what that changes something for others, the oldest first.

    Each act is a line before it is done. One that failed has a second line.
    """
    trail = audit_trail(load_settings())
    now = trail.clock()
    entries = trail.log.entries(since=now - days * MICROS_PER_DAY, until=now + MICROS_PER_DAY)
    reports = [EntryReport.of(entry) for entry in entries if actor in {None, entry.actor}]
    columns = ("at", "actor", "act", "target", "name", "outcome", "request")
    rows = [
        (r.at, r.actor, r.act, r.target, r.name or "", r.outcome, r.request_id) for r in reports
    ]
    emit(reports, as_json=as_json, text=table(*columns, rows=rows))


@contextmanager
def audited(
    settings: Settings, act: Act, target: Target, name: str | None = None
) -> Generator[None]:
    """The block is an act of the operating system's user, written down before it is done."""
    who = Who(actor=actor(), request_id=f"cli-{secrets.token_hex(8)}")
    with audit_trail(settings).act(who, act, target, name):
        yield
