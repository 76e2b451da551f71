"""What serves now: each process, what shadows would have answered, and how customers drift."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from api.documents.drift import DriftReport
from api.documents.models import ShadowFindings
from domain.errors import CorruptRecord, NotFound, PropensityError, Unavailable
from domain.values import MICROS_PER_DAY
from model_registry.registry import Registry
from model_registry.revisions import Revision
from model_registry.serving import (
    AskedDays,
    DriftState,
    Presence,
    Serving,
    VersionDrift,
    drift_on,
    merged,
    newest_drift,
)
from model_registry.serving.asked import day_of, parsed

DAYS = 14
"""Of drift on the page."""


class Process(Struct, frozen=True, kw_only=True):
    """One live process. `behind` counts the revisions that it does not serve yet; 0 versions are none."""

    process: str
    revision: int
    version: int
    behind: int
    problem: Annotated[str, Meta(description="What it could not load; empty when all is well.")]
    age_s: Annotated[float, Meta(description="Seconds since it said so.")]


class LiveModel(Struct, frozen=True, kw_only=True):
    """One model. `revision` is the newest, made at `since`, microseconds since the epoch, UTC."""

    name: str
    revision: int
    since: int | None
    answering: Annotated[list[int], Meta(description="Versions that answer, the champion first.")]
    share: Annotated[float, Meta(description="Of 1 of the customers, by the challenger.")]
    processes: list[Process]
    shadows: list[ShadowFindings]
    trouble: str = ""

    @property
    def behind(self) -> list[Process]:
        """The processes that do not serve the newest revision."""
        return [each for each in self.processes if each.behind]


class LivePage(Struct, frozen=True, kw_only=True):
    """Every model that is promoted or served."""

    models: list[LiveModel]


class Drift(Struct, frozen=True, kw_only=True):
    """The drift of a version over days, the oldest first; `newest` is what counts today."""

    model: str
    version: int
    state: str
    newest: DriftReport
    days: list[DriftReport]


def live_page(registry: Registry, presence: Presence, served: Sequence[str]) -> LivePage:
    """The models that were ever promoted, and those that serve here.

    Raises:
        StoreUnavailable: the registry could not be read.
    """
    names = sorted({*registry.stored_models(), *served})
    found = [live_model(registry, presence, name) for name in names]
    return LivePage(models=[each for each in found if each.revision or each.processes])


def live_model(registry: Registry, presence: Presence, name: str) -> LiveModel:
    """Who serves a model, and what.

    Raises:
        StoreUnavailable: the registry could not be read.
    """
    trouble, current = "", None
    try:
        current = registry.current(name)
    except CorruptRecord as exc:
        trouble = str(exc)
    newest = 0 if current is None else current.number
    live = presence.live(name)
    reports = merged(report for process in live for report in process.shadows)
    return LiveModel(
        name=name,
        revision=newest,
        since=None if current is None else current.at,
        answering=_answering(current),
        share=0.0 if current is None else current.state.basis_points / 10_000,
        processes=[_process(each, newest) for each in live],
        shadows=[ShadowFindings.of(each) for each in reports],
        trouble=trouble,
    )


def drift(registry: Registry, presence: Presence, name: str, version: int) -> Drift:
    """The drift of a version today and on the days before.

    Raises:
        UnknownModel, UnknownVersion: there is no such version.
        StoreUnavailable: the registry could not be read.
    """
    today = day_of(presence.clock())
    newest, days = VersionDrift(version=version, day=today, against=None), list[VersionDrift]()
    asked = AskedDays(store=presence.store)
    try:
        reference = registry.reference(registry.version(name, version))
        newest = newest_drift(asked, name, version, reference, today=today)
        days = [
            drift_on(asked, name, version, reference, day=day)
            for day in range(today - DAYS + 1, today + 1)
        ]
    except (Unavailable, NotFound):
        raise
    except PropensityError as exc:  # a reference or counts are damaged
        newest = VersionDrift(version=version, day=today, against=None, why_not=str(exc))
    return Drift(
        model=name,
        version=version,
        state=str(newest.state),
        newest=DriftReport.of(newest),
        days=[DriftReport.of(each) for each in days if each.state is not DriftState.UNKNOWN],
    )


def beyond_chance(report: DriftReport) -> dict[str, float]:
    """By input, the largest of its measures, each divided by what chance alone does not pass."""
    return {
        each.input: max(
            measure.value / measure.threshold
            for measure in (each.population_stability, each.jensen_shannon_distance, each.missing)
            if measure.threshold > 0
        )
        for each in report.inputs
    }


def micros_of(report: DriftReport) -> int:
    """When the day of a report began, microseconds since the epoch, UTC."""
    return parsed(report.day) * MICROS_PER_DAY


def _answering(current: Revision | None) -> list[int]:
    return [] if current is None else list(current.state.aliases.values())


def _process(process: Serving, newest: int) -> Process:
    return Process(
        process=process.process,
        revision=process.revision,
        version=process.version,
        behind=max(0, newest - process.revision),
        problem=process.problem,
        age_s=process.age_s,
    )
