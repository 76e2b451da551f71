"""Commands of the model registry."""

import dataclasses
import getpass
import time
from typing import Annotated

import typer

from api.bootstrap import presence_only, registry_only
from api.cli.output import EXIT_CODE_OF, AsJson, emit, say, table
from api.settings import load_settings
from domain import instant
from domain.errors import CorruptRecord
from model_registry.manifest import Manifest
from model_registry.registry import Registry
from model_registry.revision import Revision
from model_registry.verify import verify

app = typer.Typer(help="Versions of models, and which one serves.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The model's name.")]
Version = Annotated[int, typer.Argument(min=1, help="The version's number.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]
Expect = Annotated[
    int | None,
    typer.Option(
        "--expect", min=0, help="Do it only if this revision is current.", show_default=False
    ),
]

Force = Annotated[
    bool, typer.Option("--force", help="Overrule quality and latency; kept in the history.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Return once every live process serves it.")]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")]
BEHIND = 1


@app.command("list")
def list_versions(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List every version with its held-out metrics; the champion is marked."""
    registry = registry_only(load_settings())
    rows = [
        _summary(registry.version(model, number), champion=number == _champion(registry, model))
        for model in ([name] if name else registry.models())
        for number in registry.versions(model)
    ]
    columns = ("name", "version", "champion", "created_at", "auc", "log_loss", "brier")
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    emit(rows, as_json=as_json, text=table(*columns, rows=cells))


@app.command("show")
def show(name: Name, version: Version, *, as_json: AsJson = False) -> None:
    """Show one version: features, metrics, calibration, and how it was trained."""
    manifest = registry_only(load_settings()).version(name, version)
    emit(manifest_document(manifest), as_json=as_json, text=describe(manifest))


@app.command("promote")
def promote(  # noqa: PLR0913  # one parameter per option
    name: Name,
    version: Version,
    *,
    reason: Reason,
    expect: Expect = None,
    force: Force = False,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion, if it passes every gate."""
    revision = registry_only(load_settings()).promote(
        name, version, actor=actor(), reason=reason, expected_revision=expect, force=force
    )
    _emit_revision(revision, as_json=as_json)
    if wait:
        _await_served(name, revision, timeout)


@app.command("rollback")
def rollback(  # noqa: PLR0913  # one parameter per option
    name: Name,
    *,
    reason: Reason,
    to_revision: Annotated[
        int | None,
        typer.Option(min=1, help="Back to this revision.", show_default="the champion before"),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier champion; the way back is a new revision."""
    revision = registry_only(load_settings()).rollback(
        name, actor=actor(), reason=reason, to_revision=to_revision
    )
    _emit_revision(revision, as_json=as_json)
    if wait:
        _await_served(name, revision, timeout)


@app.command("status")
def status(name: Name, *, as_json: AsJson = False) -> None:
    """Show which processes serve which revision; exits with 1 while one is behind."""
    settings = load_settings()
    current = registry_only(settings).current(name)
    newest = 0 if current is None else current.number
    live = presence_only(settings).live(name)
    behind = [process.process for process in live if process.revision < newest]
    document = {
        "name": name,
        "revision": newest,
        "converged": not behind,
        "processes": [dataclasses.asdict(process) for process in live],
    }
    columns = ("process", "revision", "version", "seconds ago", "problem")
    rows = [[p.process, p.revision, p.version, f"{p.age_s:.1f}", p.problem] for p in live]
    emit(document, as_json=as_json, text=table(*columns, rows=rows))
    say(f"revision {newest} is the newest; processes: {len(live)}, behind: {len(behind)}")
    if behind:
        raise typer.Exit(BEHIND)


@app.command("verify")
def verify_registry(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read everything that is stored and name whatever is damaged; exits with 7 on any."""
    registry = registry_only(load_settings())
    found = {model: verify(registry, model) for model in ([name] if name else registry.models())}
    findings = [finding for verification in found.values() for finding in verification.findings]
    document = {model: dataclasses.asdict(verification) for model, verification in found.items()}
    for finding in findings:
        say(f"{finding.key}: {finding.trouble}")
    versions = sum(verification.versions for verification in found.values())
    revisions = sum(verification.revisions for verification in found.values())
    emit(
        document,
        as_json=as_json,
        text=f"versions: {versions}, revisions: {revisions}, damaged: {len(findings)}",
    )
    if findings:
        raise typer.Exit(EXIT_CODE_OF[CorruptRecord])


@app.command("history")
def history(name: Name, *, as_json: AsJson = False) -> None:
    """Show who promoted what, when and why; the whole log is checked on the way."""
    revisions = registry_only(load_settings()).history(name)
    documents = [_revision_document(revision) for revision in revisions]
    columns = ("revision", "at", "action", "champion", "forced", "actor", "reason")
    rows = [[_cell(document[column]) for column in columns] for document in documents]
    emit(documents, as_json=as_json, text=table(*columns, rows=rows))


def actor() -> str:
    """Who acts, for the history: the operating system's user."""
    return getpass.getuser()


def manifest_document(manifest: Manifest) -> dict[str, object]:
    """A version as plain JSON."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "created_at": instant.render(manifest.created_at),
        "created_by": manifest.created_by,
        "scorer": manifest.scorer_kind,
        "features": list(manifest.feature_names),
        "contract_hash": manifest.contract_hash,
        "horizon_days": manifest.horizon_days,
        "metrics": dict(manifest.metrics),
        "intervals": {metric: list(ends) for metric, ends in manifest.intervals.items()},
        "calibration": [
            {
                "count": row.count,
                "mean_probability": row.mean_probability,
                "observed_rate": row.observed_rate,
            }
            for row in manifest.calibration
        ],
        "facts": dict(manifest.facts),
    }


def describe(manifest: Manifest) -> str:
    """A version for people: what it predicts, how well, and whether its probabilities are true."""
    metrics = "\n".join(
        f"  {name:<28} {_cell(value)}{_interval(manifest, name)}"
        for name, value in manifest.metrics.items()
    )
    calibration = "\n".join(
        f"  {row.count:>9,}  {row.mean_probability:>9.3f}  {row.observed_rate:>8.3f}"
        for row in manifest.calibration
    )
    return (
        f"{manifest.name} version {manifest.version}, {manifest.scorer_kind}, "
        f"horizon {manifest.horizon_days} days\n"
        f"features: {', '.join(manifest.feature_names)}\n"
        f"on the held-out period, with 95 % intervals:\n{metrics}\n"
        f"  customers  predicted  happened\n{calibration}"
    )


def _interval(manifest: Manifest, metric: str) -> str:
    ends = manifest.intervals.get(metric)
    return "" if ends is None else f"  ({ends[0]:.4g} to {ends[1]:.4g})"


def _summary(manifest: Manifest, *, champion: bool) -> dict[str, object]:
    return {
        "name": manifest.name,
        "version": manifest.version,
        "champion": champion,
        "created_at": instant.render(manifest.created_at),
        **{metric: manifest.metrics.get(metric) for metric in ("auc", "log_loss", "brier")},
    }


def _champion(registry: Registry, name: str) -> int | None:
    current = registry.current(name)
    return None if current is None else current.state.champion


def _cell(value: object) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "*"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def _revision_document(revision: Revision) -> dict[str, object]:
    return {
        "revision": revision.number,
        "at": instant.render(revision.at),
        "action": str(revision.action),
        "champion": revision.state.champion,
        "actor": revision.actor,
        "reason": revision.reason,
        "forced": revision.forced,
        "gates": [dataclasses.asdict(result) for result in revision.gates],
    }


def _gates_text(revision: Revision) -> str:
    return "\n".join(
        f"  {'passed' if result.passed else 'FORCED'}  {result.gate}: {result.detail}"
        for result in revision.gates
    )


def _await_served(name: str, revision: Revision, timeout_s: float) -> None:
    live = presence_only(load_settings()).await_served(
        name, revision.number, timeout_s=timeout_s, seconds=time.monotonic, pause=time.sleep
    )
    say(f"served everywhere; processes: {len(live)}")


def _emit_revision(revision: Revision, *, as_json: bool) -> None:
    document = _revision_document(revision)
    emit(
        document,
        as_json=as_json,
        text=f"revision {revision.number}: champion is version {revision.state.champion}\n"
        f"{_gates_text(revision)}\n"
        "running servers look for it every PROPENSITY_REGISTRY_POLL_S seconds",
    )
