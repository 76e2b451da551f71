"""The first page: what needs somebody, who answers, how much is asked, and what came of it."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from api.console.documents.campaign import CampaignLine
from api.console.documents.live import Drift, LiveModel
from api.console.documents.outcomes import OutcomesReport
from api.console.traffic import TrafficReport
from api.console.wording import segment
from api.documents.doctor import Finding

_MODELS, _LIVE, _OPERATIONS = "/console/models", "/console/live", "/console/operations"
_NAMED = 2


class Attention(Struct, frozen=True, kw_only=True):
    """Something that needs somebody, and what to do; `path` leads to where one sees more."""

    level: Literal["bad", "warn"]
    what: str
    do: str
    path: str


class AttentionPage(Struct, frozen=True, kw_only=True):
    """Everything that needs somebody, the worst first. `looked_at` says what was looked at."""

    found: list[Attention]
    looked_at: list[str]


class Overview(Struct, frozen=True, kw_only=True):
    """Everything on the first page. `attention` is what is known at once; more comes later.

    `traffic` is null where requests are not counted, `campaigns` where the key may not see them.
    """

    attention: list[Attention]
    models: list[LiveModel]
    traffic: TrafficReport | None
    campaigns: list[CampaignLine] | None


def at_once(models: Sequence[LiveModel], problems: Sequence[tuple[str, str]]) -> list[Attention]:
    """What needs somebody as far as one sees without looking deeper.

    `problems` are of this process, each with the model's name.
    """
    found = [
        Attention(
            level="bad",
            what=f"{name}: {problem}",
            do="Roll back, or promote a version that loads.",
            path=f"{_MODELS}/{segment(name)}",
        )
        for name, problem in problems
    ]
    told = {problem for _, problem in problems}
    found += [each for model in models for each in _of_model(model, told)]
    return sorted(found, key=lambda each: each.level)


def of_drift(drift: Drift) -> Iterator[Attention]:
    """That customers are others than those of training."""
    if drift.state == "drift":
        names = [each.input for each in drift.newest.inputs if each.drifted]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        inputs = ", ".join(names[:_NAMED]) + more
        yield Attention(
            level="warn",
            what=f"{drift.model}: customers of version {drift.version} drift in {inputs}",
            do="Train on newer purchases, or find out whether the data changed.",
            path=_LIVE,
        )


def of_outcomes(report: OutcomesReport) -> Iterator[Attention]:
    """That a version comes less true than it was promised."""
    for arm in report.worse:
        yield Attention(
            level="warn",
            what=f"{report.model}: version {arm.version} is worse than promised in "
            f"{', '.join(arm.worse)}",
            do="Train a new version, or roll back.",
            path=_LIVE,
        )


def of_dead_letters(count: int) -> Iterator[Attention]:
    """That the queue gave something up."""
    if count:
        yield Attention(
            level="bad",
            what=f"The queue gave up {count:,} {'message' if count == 1 else 'messages'}",
            do="See why, mend it, and replay them.",
            path=_OPERATIONS,
        )


def of_doctor(findings: Sequence[Finding]) -> Iterator[Attention]:
    """What the doctor found when it was last asked."""
    for each in findings:
        if not each.ok:
            yield Attention(
                level="bad", what=f"{each.check}: {each.finding}", do=each.fix, path=_OPERATIONS
            )


def _of_model(model: LiveModel, told: set[str]) -> Iterator[Attention]:
    path = f"{_MODELS}/{segment(model.name)}"
    if model.trouble:
        yield Attention(
            level="bad",
            what=f"{model.name}: its log cannot be read: {model.trouble}",
            do="Restore the registry from a backup.",
            path=path,
        )
    if model.revision and not model.processes:
        yield Attention(
            level="warn",
            what=f"{model.name}: no process serves it",
            do="Start a server that names it in PROPENSITY_MODELS, or leave it as it is.",
            path=_LIVE,
        )
    for process in model.processes:
        if process.problem and process.problem not in told:
            told.add(process.problem)
            yield Attention(
                level="bad",
                what=f"{model.name}: {process.process} says: {process.problem}",
                do="Roll back, or promote a version that loads.",
                path=path,
            )
        elif process.behind and not process.problem:
            yield Attention(
                level="warn",
                what=f"{model.name}: {process.process} serves revision {process.revision or 'none'}, "
                f"not {model.revision}",
                do="Wait some seconds. If it stays so, restart that process.",
                path=_LIVE,
            )
    for shadow in model.shadows:
        if shadow.failed:
            yield Attention(
                level="warn",
                what=f"{model.name}: shadow {shadow.shadow} failed {shadow.failed:,} times: "
                f"{shadow.problem}",
                do="Take it out of the shadows.",
                path=path,
            )
