"""What travels about models, over HTTP and from the command line alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from msgspec import Meta, Struct

from api.documents.drift import DriftReport
from domain.errors import PropensityError, Unavailable
from domain.values import BUCKETS, instant
from model_registry.registry import Registry
from model_registry.revisions import GateResult, Revision
from model_registry.serving import (
    AskedDays,
    Presence,
    Serving,
    ShadowReport,
    VersionDrift,
    merged,
    newest_drift,
)
from model_registry.serving.asked import day_of
from model_registry.versions import Manifest

MOST = 999_999_999
"""No version or revision has a larger number."""
VersionNumber = Annotated[int, Meta(ge=1, le=MOST, description="A version's number.")]
RevisionNumber = Annotated[int, Meta(ge=1, le=MOST)]
Reason = Annotated[str, Meta(min_length=1, description="Why; kept in the history.")]
BasisPoints = Annotated[int, Meta(ge=0, le=BUCKETS, description="Of 10,000 customers; 500 is 5 %.")]


class GateSeen(Struct, frozen=True, kw_only=True):
    """What one gate saw of a version before it was activated."""

    version: int
    gate: str
    passed: Annotated[bool, Meta(description="False only where it was overruled.")]
    detail: str

    @classmethod
    def of(cls, result: GateResult) -> "GateSeen":
        """The result as it travels."""
        return cls(**asdict(result))


class RevisionReport(Struct, frozen=True, kw_only=True):
    """One revision: which state is desired, who wanted it, when and why."""

    revision: int
    at: Annotated[str, Meta(description="RFC 3339, UTC, by the writer's clock.")]
    action: str
    champion: VersionNumber
    challenger: int | None
    basis_points: BasisPoints
    shadows: list[int]
    actor: str
    reason: str
    forced: Annotated[bool, Meta(description="Whether a gate that did not pass was overruled.")]
    gates: list[GateSeen]

    @classmethod
    def of(cls, revision: Revision) -> "RevisionReport":
        """The revision as it travels."""
        state = revision.state
        return cls(
            revision=revision.number,
            at=instant.render(revision.at),
            action=str(revision.action),
            champion=state.champion,
            challenger=state.challenger,
            basis_points=state.basis_points,
            shadows=list(state.shadows),
            actor=revision.actor,
            reason=revision.reason,
            forced=revision.forced,
            gates=[GateSeen.of(result) for result in revision.gates],
        )


class Revisions(Struct, frozen=True, kw_only=True):
    """Every revision of a model, newest last."""

    revisions: list[RevisionReport]


class VersionSummary(Struct, frozen=True, kw_only=True):
    """One version in a list; `serves_as` is champion, challenger, shadow, or null."""

    name: str
    version: VersionNumber
    serves_as: str | None
    created_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    auc: float | None
    log_loss: float | None
    brier: float | None


class Versions(Struct, frozen=True, kw_only=True):
    """Versions with their held-out metrics."""

    versions: list[VersionSummary]


class CalibrationRow(Struct, frozen=True, kw_only=True):
    """Held-out customers of similar probability: what was predicted and what happened."""

    count: int
    mean_probability: float
    observed_rate: float


class VersionReport(Struct, frozen=True, kw_only=True):
    """One version: what it predicts, from what, and how well."""

    name: str
    version: VersionNumber
    created_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    created_by: str
    scorer: str
    features: list[str]
    contract_hash: str
    horizon_days: int
    metrics: dict[str, float]
    intervals: Annotated[
        dict[str, tuple[float, float]], Meta(description="95 % confidence, where known.")
    ]
    calibration: list[CalibrationRow]
    facts: dict[str, Any]

    @classmethod
    def of(cls, manifest: Manifest) -> "VersionReport":
        """The manifest as it travels."""
        return cls(
            name=manifest.name,
            version=manifest.version,
            created_at=instant.render(manifest.created_at),
            created_by=manifest.created_by,
            scorer=manifest.scorer.kind,
            features=list(manifest.features.names),
            contract_hash=manifest.features.contract_hash,
            horizon_days=manifest.horizon_days,
            metrics=dict(manifest.metrics),
            intervals=dict(manifest.intervals),
            calibration=[CalibrationRow(**asdict(row)) for row in manifest.calibration],
            facts=dict(manifest.facts),
        )


class ProcessReport(Struct, frozen=True, kw_only=True):
    """One live process; revision and version 0 are none."""

    process: str
    revision: int
    version: int
    problem: Annotated[str, Meta(description="What it could not load; empty when all is well.")]
    age_s: Annotated[float, Meta(description="Seconds since it said so.")]

    @classmethod
    def of(cls, process: Serving) -> "ProcessReport":
        """The process as it travels."""
        return cls(
            process=process.process,
            revision=process.revision,
            version=process.version,
            problem=process.problem,
            age_s=process.age_s,
        )


class ShadowFindings(Struct, frozen=True, kw_only=True):
    """How one shadow would have answered, beside what one version answered, in all processes."""

    shadow: VersionNumber
    answered_by: VersionNumber
    count: Annotated[int, Meta(description="Answers that the shadow was asked about.")]
    failed: Annotated[int, Meta(description="Of these, without a score; see `problem`.")]
    skipped: Annotated[int, Meta(description="Answers no shadow was asked about: too busy.")]
    problem: str
    mean_difference: Annotated[float | None, Meta(description="Shadow minus answer.")]
    mean_absolute_difference: float | None
    changed_rate: Annotated[
        float | None, Meta(description="Share of the decisions that would have been another.")
    ]
    rank_agreement: Annotated[
        float | None, Meta(description="Kendall's tau-b of the latest answers, from -1 to 1.")
    ]
    histogram: Annotated[
        list[int], Meta(description="Of shadow minus answer, in 40 equal bins from -1 to 1.")
    ]

    @classmethod
    def of(cls, report: ShadowReport) -> "ShadowFindings":
        """The report as it travels."""
        compared = report.compared
        return cls(
            shadow=report.shadow,
            answered_by=report.answered_by,
            count=report.count,
            failed=report.failed,
            skipped=report.skipped,
            problem=report.problem,
            mean_difference=report.difference_sum / compared if compared else None,
            mean_absolute_difference=report.absolute_sum / compared if compared else None,
            changed_rate=report.changed / compared if compared else None,
            rank_agreement=report.rank_agreement,
            histogram=list(report.histogram),
        )


class ModelStatus(Struct, frozen=True, kw_only=True):
    """Which processes serve which revision; converged when some live and none is behind."""

    name: str
    revision: int
    converged: bool
    processes: list[ProcessReport]
    shadows: Annotated[
        list[ShadowFindings], Meta(description="Since the processes serve these versions.")
    ]
    drift: Annotated[
        list[DriftReport],
        Meta(
            description="Of each version that answers: today, or yesterday until there are enough."
        ),
    ]

    @property
    def behind(self) -> int:
        """How many processes do not serve the newest revision yet."""
        return sum(process.revision < self.revision for process in self.processes)


class Promotion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version is to be the champion."""

    version: VersionNumber
    reason: Reason
    force: Annotated[bool, Meta(description="Overrule the gates of quality and latency.")] = False


class Rollback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of an earlier revision is wanted again."""

    reason: Reason
    to_revision: Annotated[
        RevisionNumber | None, Meta(description="Default: the newest that answered otherwise.")
    ] = None


class SplitWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version is to answer a share of the customers, as challenger; 0 ends it."""

    version: VersionNumber
    basis_points: BasisPoints
    reason: Reason
    force: Annotated[bool, Meta(description="Overrule the gates of quality and latency.")] = False


class ShadowsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly these versions are to shadow those that answer."""

    versions: list[VersionNumber]
    reason: Reason


def summaries(registry: Registry, names: Sequence[str]) -> list[VersionSummary]:
    """Every version of these models, and as what each serves.

    Raises:
        UnknownModel: one of them has no versions.
        CorruptRegistry: a manifest or the current revision is damaged.
    """
    return [
        _summary(registry.version(name, number), serving.get(number))
        for name in names
        for serving in [_serving(registry, name)]
        for number in registry.versions(name)
    ]


def status_of_model(registry: Registry, presence: Presence, name: str) -> ModelStatus:
    """What every live process serves.

    Raises:
        UnknownModel: it has neither versions nor revisions.
    """
    current = registry.current(name)
    if current is None:
        registry.versions(name)
    newest = 0 if current is None else current.number
    live = presence.live(name)
    found = merged(report for process in live for report in process.shadows)
    return ModelStatus(
        name=name,
        revision=newest,
        converged=bool(live) and all(process.revision >= newest for process in live),
        processes=[ProcessReport.of(process) for process in live],
        shadows=[ShadowFindings.of(report) for report in found],
        drift=[
            DriftReport.of(_drift(registry, presence, name, version))
            for version in ([] if current is None else current.state.aliases.values())
        ],
    )


def _drift(registry: Registry, presence: Presence, name: str, version: int) -> VersionDrift:
    """The newest drift of a version; what is damaged is told as unknown."""
    today = day_of(presence.clock())
    try:
        reference = registry.reference(registry.version(name, version))
        return newest_drift(AskedDays(store=presence.store), name, version, reference, today=today)
    except Unavailable:
        raise
    except PropensityError as exc:
        return VersionDrift(version=version, day=today, against=None, why_not=str(exc))


def _serving(registry: Registry, name: str) -> Mapping[int, str]:
    current = registry.current(name)
    if current is None:
        return {}
    shadows = dict.fromkeys(current.state.shadows, "shadow")
    return shadows | {version: alias for alias, version in current.state.aliases.items()}


def _summary(manifest: Manifest, serves_as: str | None) -> VersionSummary:
    return VersionSummary(
        name=manifest.name,
        version=manifest.version,
        serves_as=serves_as,
        created_at=instant.render(manifest.created_at),
        auc=manifest.metrics.get("auc"),
        log_loss=manifest.metrics.get("log_loss"),
        brier=manifest.metrics.get("brier"),
    )
