"""Commands about keys: who may ask the HTTP API for what."""

import asyncio
from typing import Annotated

import typer

from api.cli.audit import audited
from api.cli.output import AsJson, confirmed, emit, say, table
from api.composition import application
from api.documents.keys import DAY_S, IssuedKeyReport, KeyReport, Keys
from api.process import load_settings
from domain.audit import Act, Target
from domain.keys import DEFAULT_RATE, KeyKind, KeyWanted, Rate, Scope

MOST_RATE = 1_000_000
Id = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]

app = typer.Typer(
    help="Keys: who may ask the HTTP API for what.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("create")
def create(  # noqa: PLR0913  # one parameter per option
    actor: Annotated[str, typer.Argument(help="Who will hold it, such as shop or mailing-tool.")],
    *,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it allows; again for each scope.")
    ] = None,
    publishable: Annotated[
        bool, typer.Option("--publishable", help="For web pages: it may decide, and no more.")
    ] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="A web page's origin, such as https://shop.example; again for each."),
    ] = None,
    per_second: Annotated[
        int, typer.Option(min=1, max=MOST_RATE, help="Requests a second.")
    ] = DEFAULT_RATE.per_second,
    burst: Annotated[
        int, typer.Option(min=1, max=MOST_RATE, help="Requests at once after a pause.")
    ] = DEFAULT_RATE.burst,
    days: Annotated[
        int | None, typer.Option(help="Until it expires.", show_default="it does not")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; its secret is shown this once."""
    wanted = KeyWanted(
        actor=actor,
        scopes=frozenset(scope or ([Scope.DECIDE] if publishable else [])),
        kind=KeyKind.PUBLISHABLE if publishable else KeyKind.SECRET,
        origins=frozenset(origin or ()),
        rate=Rate(per_second=per_second, burst=burst),
        days=days,
    )
    settings = load_settings()
    with application(settings) as built:
        with audited(settings, Act.CREATE_KEY, Target.KEY, actor):
            issued = asyncio.run(built.keys.create(wanted))
        report = IssuedKeyReport.of(issued, now=built.clock())
    _emit_issued(report, as_json=as_json)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List every key there ever was, without secrets."""
    with application(load_settings()) as built:
        keys, now = asyncio.run(built.keys.every()), built.clock()
    reports = [KeyReport.of(key, now=now) for key in keys]
    columns = ("key", "kind", "actor", "scopes", "origins", "status", "expires", "last used")
    rows = [
        (
            report.key_id,
            report.kind,
            report.actor,
            " ".join(report.scopes),
            " ".join(report.origins),
            report.status,
            report.expires_at or "never",
            report.last_used or "never",
        )
        for report in reports
    ]
    emit(Keys(keys=reports), as_json=as_json, text=table(*columns, rows=rows))


@app.command("rotate")
def rotate(
    key: Id,
    *,
    overlap: Annotated[
        int, typer.Option(min=0, help="Seconds for which the secret before holds.")
    ] = DAY_S,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret; the one before holds for the overlap."""
    settings = load_settings()
    with application(settings) as built:
        with audited(settings, Act.ROTATE_KEY, Target.KEY, key):
            issued = asyncio.run(built.keys.rotate(key, overlap_s=overlap))
        report = IssuedKeyReport.of(issued, now=built.clock())
    _emit_issued(report, as_json=as_json)


@app.command("revoke")
def revoke(
    key: Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Revoke without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good: every process refuses it within 10 s."""
    if not yes:
        confirmed(f"Revoke key {key} for good?")
    settings = load_settings()
    with application(settings) as built:
        with audited(settings, Act.REVOKE_KEY, Target.KEY, key):
            revoked = asyncio.run(built.keys.revoke(key))
        report = KeyReport.of(revoked, now=built.clock())
    emit(report, as_json=as_json, text=f"revoked key {report.key_id} of {report.actor}")


def _emit_issued(report: IssuedKeyReport, *, as_json: bool) -> None:
    emit(report, as_json=as_json, text=report.secret)
    say(
        f"key {report.key.key_id} of {report.key.actor} allows {', '.join(report.key.scopes)}; "
        "keep the secret, nobody can show it again"
    )
