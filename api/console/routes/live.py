"""Live: who serves what, shadows, drift over days, and what came of it."""

import asyncio
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from api.console.documents.live import Drift, beyond_chance, drift, live_page, micros_of
from api.console.documents.outcomes import OutcomesPage, OutcomesReport, outcomes_report
from api.console.kept import Kept
from api.console.pictures import WIDE, drawn
from api.console.rendering import AnyRequest, page, piece
from api.console.signing_in import seen_with
from api.http.parameters import decoded
from api.http.services import Readiness
from api.pictures import Bin, Draws, Picture, Reliability, heat, reliability
from domain.keys import Scope
from domain.outcomes import JoinOutcomes
from domain.values import MICROS_PER_DAY
from model_registry.registry import Registry
from model_registry.serving import Presence

_READ: dict[str, Any] = {"sync_to_thread": True, **seen_with(Scope.MODELS_READ)}
DRIFT_FOR_S = 60.0
"""Processes publish what they count once a minute."""
OUTCOMES_FOR_S = 3_600.0
"""Outcomes are of days; reading the log takes seconds to minutes."""
OUTCOMES_DAYS = 90
Keeps = NamedDependency[SkipValidation[Kept]]
Draw = NamedDependency[SkipValidation[Draws]]


@get("/live", **_READ)
def live(
    request: AnyRequest,
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
    readiness: NamedDependency[SkipValidation[Readiness]],
) -> Response[bytes]:
    """Every process with what it serves."""
    return page(request, "live.html", live_page(registry, presence, list(readiness.traffic)))


@get("/live/{name:str}/drift/{version:int}", **_READ)
def drift_of_version(
    request: AnyRequest,
    name: FromPath[str],
    version: FromPath[int],
    registry: NamedDependency[Registry],
    presence: NamedDependency[Presence],
    console_kept: Keeps,
    console_draws: Draw,
) -> Response[bytes]:
    """Whether customers who are asked about are like those of training, day by day."""
    name = decoded(name, "name")
    found = console_kept.once(
        ("drift", name, version),
        lambda: drift(registry, presence, name, version),
        for_s=DRIFT_FOR_S,
    )
    measured = [each for each in found.days if each.inputs]
    picture = drawn(console_draws, _heat(found), wide=WIDE) if measured else None
    return piece(
        request,
        "live_drift.html",
        found,
        title=f"Drift of version {version} of {name}",
        picture=picture,
    )


@get("/live/{name:str}/outcomes", **_READ)
def outcomes_of_model(
    request: AnyRequest,
    name: FromPath[str],
    registry: NamedDependency[Registry],
    console_kept: Keeps,
    console_draws: Draw,
    console_join: NamedDependency[SkipValidation[JoinOutcomes | None]],
) -> Response[bytes]:
    """What customers bought, against what was promised; found out in the background."""
    name = decoded(name, "name")
    document = outcomes_page(registry, console_kept, console_join, name)
    arms = [] if document.report is None else [each for each in document.report.arms if each.bins]
    picture = (
        drawn(console_draws, _kept_word(document.report)) if document.report and arms else None
    )
    return piece(
        request, "live_outcomes.html", document, title=f"Outcomes of {name}", picture=picture
    )


LIVE_ROUTES = (live, drift_of_version, outcomes_of_model)


def outcomes_page(
    registry: Registry, kept: Kept, join: JoinOutcomes | None, name: str
) -> OutcomesPage:
    """What is known now; where it is old or nothing, it is being found out.

    Raises:
        UnknownModel: there is none.
        StoreUnavailable: the registry could not be read.
    """
    registry.versions(name)
    if join is None:
        return OutcomesPage(model=name, logged=False)
    joining = join

    def find_out() -> OutcomesReport:
        end = joining.clock()
        start = end - OUTCOMES_DAYS * MICROS_PER_DAY
        return outcomes_report(registry, name, asyncio.run(joining(name, start=start, end=end)))

    found = kept.soon(("outcomes", name), find_out, for_s=OUTCOMES_FOR_S)
    if found is None:
        return OutcomesPage(model=name, logged=True)
    return OutcomesPage(
        model=name, logged=True, at=found.at, problem=found.problem, report=found.value
    )


def _heat(found: Drift) -> Picture:
    """How far each input lies beyond chance, day by day; 1 is what chance alone does not pass."""
    inputs = [each.input for each in next(day for day in reversed(found.days) if day.inputs).inputs]
    days = [(micros_of(each), beyond_chance(each)) for each in found.days]
    return heat(
        inputs,
        [at for at, _ in days],
        [[values.get(name) for _, values in days] for name in inputs],
        limit=1.0,
        noun="drift, in multiples of what chance does",
    )


def _kept_word(report: OutcomesReport) -> Picture:
    return reliability(
        [
            Reliability(
                f"version {arm.version}",
                [Bin(b.rows, b.predicted, b.bought, (b.low, b.high)) for b in arm.bins],
            )
            for arm in report.arms[-2:]
        ]
    )
