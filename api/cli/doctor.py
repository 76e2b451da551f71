"""The command that looks at a deployment: every finding names its fix."""

from collections.abc import Iterator

import typer
from msgspec import to_builtins

from api.cli.output import AsJson, emit, table
from api.composition.doctor import examine
from api.documents.doctor import Finding
from api.process import load_settings
from domain.errors import PropensityError


def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, tables, registry, model and decision log; exits with 1 when something is wrong."""
    findings = list(_examined())
    rows = [["ok" if f.ok else "FAIL", f.check, f.finding, f.fix] for f in findings]
    emit(
        to_builtins(findings), as_json=as_json, text=table("", "check", "finding", "fix", rows=rows)
    )
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _examined() -> Iterator[Finding]:
    try:
        loaded = load_settings()
    except PropensityError as exc:
        fix = (
            "correct it in the environment or .env; docs/reference/settings.md lists every setting"
        )
        yield Finding(check="settings", ok=False, finding=str(exc), fix=fix)
        return
    yield from examine(loaded)
