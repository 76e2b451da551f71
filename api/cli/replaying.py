"""The command that computes logged decisions again, and says why one comes out differently."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, progress_bar
from api.cli.period import From, Until, period
from api.composition import application, open_decision_log, replay_of
from api.documents.cost import cost_used
from api.process import load_settings
from domain.cost import metered
from domain.decision_log import DecisionLog, LoggedDecision
from domain.errors import NotFound, Rejected
from domain.replay import Cause, ReplayDecision, Replayed, Sampled, Verdict, sample
from domain.values import MICROS_PER_DAY, instant
from domain.values.instant import MICROS_PER_HOUR

UNEXPLAINED = 1
_AT_ONCE = 16
_SHOWN = 20


def replay(  # noqa: PLR0913  # one parameter per option
    *,
    decision: Annotated[
        str | None, typer.Option(help="The id of a decision.", show_default=False)
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="So many, drawn by lot.", show_default=False),
    ] = None,
    since: From = None,
    until: Until = None,
    seed: Annotated[int, typer.Option(help="Another seed draws others.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compute logged decisions again, and compare to the last bit; exits with 1 on a difference that nothing explains.

    A sample is of the week before --until, unless --from says otherwise.
    """
    if (decision is None) == (number is None):
        raise Rejected("--sample", "give --sample N or --decision ID")
    settings = load_settings()
    log = open_decision_log(settings)
    with application(settings, batch=True) as built, metered() as cost:
        if decision is not None:
            drawn = _named(log, decision)
        else:
            start, end = period(since, until, now=built.clock(), length_us=7 * MICROS_PER_DAY)
            drawn = _sampled(log, most=number or 1, start=start, end=end, seed=seed)
        found = asyncio.run(_replayed(replay_of(built), drawn.decisions))
    document = {
        **_counts(found, drawn),
        "decisions": [_document(each) for each in found],
        "cost": cost_used(cost),
    }
    lines = [*_report(found, alone=decision is not None), *_summary(found, drawn), cost_text(cost)]
    emit(document, as_json=as_json, text="\n".join(lines))
    if not all(each.explained for each in found):
        raise typer.Exit(UNEXPLAINED)


def _named(log: DecisionLog, decision_id: str) -> Sampled:
    found = log.find(decision_id)
    if found is None:
        raise NotFound(
            f"decision {decision_id} is not in the log: it was not logged, or it is older than "
            "PROPENSITY_DECISION_LOG_RETENTION_DAYS"
        )
    return Sampled(decisions=(found,), read=1, not_scored=int(found.scored is None))


def _sampled(log: DecisionLog, *, most: int, start: int, end: int, seed: int) -> Sampled:
    with progress_bar() as bar:
        hours = -(-(end - start) // MICROS_PER_HOUR)
        task = bar.add_task("reading hours of the log", total=hours)
        drawn = sample(
            log,
            most=most,
            start=start,
            end=end,
            seed=seed,
            on_progress=lambda at: bar.update(task, completed=(at - start) // MICROS_PER_HOUR),
        )
        bar.update(task, completed=hours)
    if not drawn.decisions:
        raise NotFound(
            f"no decision with a propensity is logged from {instant.render(start)} to "
            f"{instant.render(end)}; give another --from"
        )
    return drawn


async def _replayed(
    replay_one: ReplayDecision, decisions: Sequence[LoggedDecision]
) -> Sequence[Replayed]:
    slots = asyncio.Semaphore(_AT_ONCE)
    with progress_bar() as bar:
        task = bar.add_task("replaying", total=len(decisions))

        async def one(decision: LoggedDecision) -> Replayed:
            async with slots:
                found = await replay_one(decision)
            bar.advance(task)
            return found

        return await asyncio.gather(*map(one, decisions))


def _counts(found: Sequence[Replayed], drawn: Sampled) -> dict[str, object]:
    verdicts = Counter(each.verdict for each in found)
    return {
        "read": drawn.read,
        "replayed": len(found),
        **{str(verdict): verdicts[verdict] for verdict in Verdict},
        "unexplained": sum(not each.explained for each in found),
        "causes": {str(cause): count for cause, count in _causes(found).items()},
    }


def _causes(found: Sequence[Replayed]) -> Counter[Cause]:
    return Counter(evidence.cause for each in found for evidence in each.evidence)


def _document(each: Replayed) -> dict[str, object]:
    decision, scored = each.decision, each.decision.scored
    return {
        "decision_id": decision.decision_id,
        "as_of": instant.render(decision.as_of),
        "model": None if scored is None else scored.model,
        "version": None if scored is None else scored.version,
        "arm": None if scored is None else scored.arm,
        "verdict": each.verdict,
        "explained": each.explained,
        "changed": [
            {"name": c.name, "logged": c.logged, "computed": c.computed} for c in each.changed
        ],
        "evidence": [
            {"cause": e.cause, "detail": e.detail, "ids": list(e.ids)} for e in each.evidence
        ],
    }


def _report(found: Sequence[Replayed], *, alone: bool) -> Iterator[str]:
    """What is to be looked at, what nothing explains first."""
    told = [each for each in found if alone or each.verdict is not Verdict.EQUAL]
    told.sort(key=lambda each: each.explained)
    for each in told[:_SHOWN]:
        yield from _told(each)
    if len(told) > _SHOWN:
        yield f"and {len(told) - _SHOWN:,} more; --json lists all"


def _told(each: Replayed) -> Iterator[str]:
    decision, scored = each.decision, each.decision.scored
    verdict = str(each.verdict).replace("_", " ")
    yield f"{decision.decision_id}: {verdict}{'' if each.explained else ', to be looked at'}"
    if scored is not None:
        who = f"{scored.model} version {scored.version} as {scored.arm}"
        yield f"  {who}, as of {instant.render(decision.as_of)}"
    elif decision.held_out:
        yield f"  held out by flag {decision.flag}: not scored"
    for changed in each.changed:
        yield f"  {changed.name}: {changed.logged!r} logged, {changed.computed!r} computed"
    for evidence in each.evidence:
        ids = f": {', '.join(evidence.ids[:_SHOWN])}" if evidence.ids else ""
        yield f"  {str(evidence.cause).replace('_', ' ')}: {evidence.detail}{ids}"
    if each.verdict is Verdict.DIFFERENT and not each.evidence:
        yield "  nothing that is stored explains it"


def _summary(found: Sequence[Replayed], drawn: Sampled) -> Iterator[str]:
    verdicts = Counter(each.verdict for each in found)
    counts = ", ".join(
        f"{str(verdict).replace('_', ' ')}: {verdicts[verdict]:,}"
        for verdict in Verdict
        if verdicts[verdict] or verdict is Verdict.EQUAL
    )
    yield f"decisions: {len(found):,} of {drawn.read:,}; {counts}"
    causes = _causes(found)
    if causes:
        spoken = (f"{str(c).replace('_', ' ')}: {count:,}" for c, count in causes.most_common())
        yield f"causes: {', '.join(spoken)}"
    yield f"unexplained: {sum(not each.explained for each in found):,}"
