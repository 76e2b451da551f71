"""Commands of the model registry."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import to_builtins
from rich.table import Table

from api.cli.actor import actor
from api.cli.audit import audited
from api.cli.comparison import Name, compare
from api.cli.drift import drift
from api.cli.output import EXIT_CODE_OF, AsJson, emit, say, table
from api.cli.version_report import report
from api.composition import candidate_in, open_registry, package_model, presence_only
from api.documents.models import (
    MOST,
    RevisionReport,
    ShadowFindings,
    VersionReport,
    status_of_model,
    summaries,
)
from api.process import load_settings
from domain.audit import Act, Target
from domain.errors import CorruptRecord, InvalidRequest, Rejected
from domain.values import BUCKETS, basis_points_of
from model_registry.revisions import Revision, State
from model_registry.verify import verify
from model_registry.versions import Manifest

app = typer.Typer(
    help="Versions of models, and which one serves.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Version = Annotated[int, typer.Argument(min=1, max=MOST, help="The version's number.")]
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
    """List every version with its held-out metrics, and as what it serves."""
    registry = open_registry(load_settings())
    found = summaries(registry, [name] if name else registry.models())
    columns = ("name", "version", "serves_as", "created_at", "auc", "log_loss", "brier")
    emit(to_builtins(found), as_json=as_json, text=_table(columns, found))


@app.command("show")
def show(name: Name, version: Version, *, as_json: AsJson = False) -> None:
    """Show one version: features, metrics, calibration, and how it was trained."""
    manifest = open_registry(load_settings()).version(name, version)
    emit(to_builtins(VersionReport.of(manifest)), as_json=as_json, text=describe(manifest))


@app.command("register")
def register(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="With candidate.json and the files it names.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Register a model trained elsewhere as the next version, once it scores its golden vectors."""
    settings = load_settings()
    registry, candidate = open_registry(settings), candidate_in(folder, settings, model=name)
    registry.try_out(name, candidate)
    manifest = registry.register(name, candidate, actor=actor())
    emit(to_builtins(VersionReport.of(manifest)), as_json=as_json, text=describe(manifest))
    say(f"serve it: propensity models promote {name} {manifest.version} --reason 'first try'")


@app.command("package")
def package(
    fitted: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A .skops or .onnx file, or an MLflow folder with either."
        ),
    ],
    *,
    training_set: Annotated[
        Path, typer.Option(help="What `propensity training-set` wrote; its held-out rows judge.")
    ],
    output: Annotated[Path, typer.Option(help="The folder that is made.")],
) -> None:
    """Make a candidate of a model fitted elsewhere, with golden vectors; no pickle is read."""
    made = package_model(fitted, training_set, output, load_settings())
    say(f"made {made}; register it: propensity models register NAME {output}")


@app.command("card")
def card(
    name: Name,
    version: Version,
    *,
    output: Annotated[
        Path | None, typer.Option(help="A file; .html has pictures.", show_default="stdout")
    ] = None,
) -> None:
    """Print a version's card: what it is, how good it is and for whom. Markdown, or HTML."""
    registry = open_registry(load_settings())
    html = output is not None and output.suffix in {".html", ".htm"}
    content = registry.card(registry.version(name, version), html=html)
    if output is None:
        typer.echo(content.decode(), nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as exc:
        raise Rejected("--output", f"cannot be written: {exc.strerror}") from exc
    say(f"wrote {output}")


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
    settings = load_settings()
    with audited(settings, Act.PROMOTE, Target.MODEL, f"{name}@{version}"):
        revision = open_registry(settings).promote(
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
        typer.Option(
            min=1, help="Back to this revision.", show_default="the last that answered otherwise"
        ),
    ] = None,
    expect: Expect = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier state; the way back is a new revision."""
    settings = load_settings()
    with audited(settings, Act.ROLLBACK, Target.MODEL, name):
        revision = open_registry(settings).rollback(
            name, actor=actor(), reason=reason, to_revision=to_revision, expected_revision=expect
        )
    _emit_revision(revision, as_json=as_json)
    if wait:
        _await_served(name, revision, timeout)


@app.command("split")
def split(  # noqa: PLR0913  # one parameter per option
    name: Name,
    version: Version,
    *,
    share: Annotated[str, typer.Option(help="Of the customers, such as 5% or 0.05; 0% ends it.")],
    reason: Reason,
    expect: Expect = None,
    force: Force = False,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Let a challenger answer a share of the customers, if it passes every gate.

    Always the same customers; a share that grows only adds some.
    """
    try:
        basis_points = basis_points_of(share)
    except ValueError as exc:
        raise InvalidRequest("--share", str(exc)) from exc
    settings = load_settings()
    with audited(settings, Act.SPLIT, Target.MODEL, f"{name}@{version}"):
        revision = open_registry(settings).split(
            name,
            version,
            basis_points=basis_points,
            actor=actor(),
            reason=reason,
            expected_revision=expect,
            force=force,
        )
    _emit_revision(revision, as_json=as_json)
    if wait:
        _await_served(name, revision, timeout)


@app.command("shadow")
def shadow(  # noqa: PLR0913  # one parameter per option
    name: Name,
    versions: Annotated[
        list[int] | None, typer.Argument(min=1, help="Exactly these; none ends shadowing.")
    ] = None,
    *,
    reason: Reason,
    expect: Expect = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Let versions score every prediction without answering anybody; status shows the findings."""
    settings = load_settings()
    with audited(settings, Act.SHADOW, Target.MODEL, name):
        revision = open_registry(settings).shadow(
            name, versions or [], actor=actor(), reason=reason, expected_revision=expect
        )
    _emit_revision(revision, as_json=as_json)
    if wait:
        _await_served(name, revision, timeout)


@app.command("status")
def status(name: Name, *, as_json: AsJson = False) -> None:
    """Show which processes serve which revision, and drift; exits with 1 while one is behind."""
    settings = load_settings()
    found = status_of_model(open_registry(settings), presence_only(settings), name)
    live = found.processes
    columns = ("process", "revision", "version", "seconds ago", "problem")
    rows = [[p.process, p.revision, p.version, f"{p.age_s:.1f}", p.problem] for p in live]
    emit(to_builtins(found), as_json=as_json, text=table(*columns, rows=rows))
    for shadow in found.shadows:
        say(_shadow_text(shadow))
    for each in found.drift:
        say(each.summary)
    say(f"revision {found.revision} is the newest; processes: {len(live)}, behind: {found.behind}")
    if found.behind:
        raise typer.Exit(BEHIND)


@app.command("verify")
def verify_registry(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read everything that is stored and name whatever is damaged; exits with 7 on any."""
    registry = open_registry(load_settings())
    names = [name] if name else registry.stored_models()
    found = {model: verify(registry, model) for model in names}
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
    revisions = open_registry(load_settings()).history(name)
    reports = [RevisionReport.of(revision) for revision in revisions]
    columns = ("revision", "at", "action", "state", "forced", "actor", "reason")
    rows = [
        [r.revision, r.at, r.action, _state_cell(r), _cell(r.forced), r.actor, r.reason]
        for r in reports
    ]
    emit(to_builtins(reports), as_json=as_json, text=table(*columns, rows=rows))


app.command("compare")(compare)
app.command("drift")(drift)
app.command("report")(report)


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
        f"{manifest.name} version {manifest.version}, {manifest.scorer.kind}, "
        f"horizon {manifest.horizon_days} days\n"
        f"features: {', '.join(manifest.features.names)}\n"
        f"on the held-out period, with 95 % intervals:\n{metrics}\n"
        f"  customers  predicted  happened\n{calibration}"
    )


def _interval(manifest: Manifest, metric: str) -> str:
    ends = manifest.intervals.get(metric)
    return "" if ends is None else f"  ({ends[0]:.4g} to {ends[1]:.4g})"


def _table(columns: Sequence[str], rows: Sequence[object]) -> Table:
    cells = [[_cell(getattr(row, column)) for column in columns] for row in rows]
    return table(*columns, rows=cells)


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


def _shadow_text(found: ShadowFindings) -> str:
    text = (
        f"shadow {found.shadow} beside version {found.answered_by}: answers {found.count:,}, "
        f"failed {found.failed:,}, skipped {found.skipped:,}"
    )
    if found.mean_difference is not None:
        agreement = "all tied" if found.rank_agreement is None else f"{found.rank_agreement:.3f}"
        text += (
            f"; mean difference {found.mean_difference:+.4f} (absolute "
            f"{found.mean_absolute_difference:.4f}), decisions changed {found.changed_rate:.1%}, "
            f"rank agreement {agreement}"
        )
    return f"{text}; {found.problem}" if found.problem else text


def _state_cell(report: RevisionReport) -> str:
    """Such as `7`, or `7, 8: 0.05, shadows 9 10`."""
    share = report.basis_points / BUCKETS
    challenger = "" if report.challenger is None else f", {report.challenger}: {share:.4g}"
    shadows = f", shadows {' '.join(map(str, report.shadows))}" if report.shadows else ""
    return f"{report.champion}{challenger}{shadows}"


def _state_text(state: State) -> str:
    text = f"champion is version {state.champion}"
    if state.challenger is not None:
        share = state.basis_points / BUCKETS
        text += f", challenger version {state.challenger} answers {share:.2%} of the customers"
    if state.shadows:
        text += f", shadowed by {', '.join(map(str, state.shadows))}"
    return text


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
    emit(
        to_builtins(RevisionReport.of(revision)),
        as_json=as_json,
        text=f"revision {revision.number}: {_state_text(revision.state)}\n"
        f"{_gates_text(revision)}\n"
        "running servers look for it every PROPENSITY_REGISTRY_POLL_S seconds",
    )
