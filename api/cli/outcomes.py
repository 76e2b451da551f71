"""The command that compares what a model foretold with what was bought since."""

import asyncio
from typing import Annotated

import typer
from rich.progress import TextColumn

from api.cli.cost import cost_text
from api.cli.outcomes_report import document_of, text_of
from api.cli.output import AsJson, emit, progress_bar
from api.cli.period import From, Until, period
from api.composition import application, outcomes_of
from api.documents.cost import cost_used
from api.process import load_settings
from domain.cost import metered
from domain.errors import NotFound
from domain.outcomes import JoinOutcomes, Outcomes
from domain.values import MICROS_PER_DAY, instant
from domain.values.instant import MICROS_PER_HOUR
from model_registry.evaluation import came_true, flags_in
from model_registry.promise import promise_of


def outcomes(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    since: From = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Compare what a model foretold with what was bought since, and with what training promised.

    Decisions count once their horizon has passed. Without --from they are of the 90 days before --until.
    """
    settings = load_settings()
    with application(settings, batch=True) as built, metered() as cost:
        built.registry.versions(model)
        start, end = period(since, until, now=built.clock(), length_us=90 * MICROS_PER_DAY)
        found = asyncio.run(_joined(outcomes_of(built), model, start, end))
        with progress_bar(TextColumn("{task.completed:,}")) as bar:
            bar.add_task("judging decisions", total=None, completed=len(found))
            arms = came_true(found, lambda version: promise_of(built.registry, model, version))
    if not len(found) and not found.not_joined:
        raise NotFound(
            f"no decision of model {model!r} is logged from {instant.render(start)} to "
            f"{instant.render(end)}; {found.read:,} of other models or without a propensity were read"
        )
    flags = flags_in(found)
    document = {
        "model": model,
        "from": instant.render(start),
        "until": instant.render(end),
        **document_of(found, arms, flags),
        "cost": cost_used(cost),
    }
    heading = f"{model}: decisions from {instant.render(start)} to {instant.render(end)}"
    text = f"{heading}\n{text_of(found, arms, flags)}\n\n{cost_text(cost)}"
    emit(document, as_json=as_json, text=text)


async def _joined(join: JoinOutcomes, model: str, start: int, end: int) -> Outcomes:
    with progress_bar() as bar:
        hours = -(-(end - start) // MICROS_PER_HOUR)
        reading = bar.add_task("reading hours of the log", total=hours)
        joining = bar.add_task("reading customers", total=None)
        found = await join(
            model,
            start=start,
            end=end,
            on_read=lambda at: bar.update(reading, completed=(at - start) // MICROS_PER_HOUR),
            on_joined=lambda done, of: bar.update(joining, completed=done, total=of),
        )
        bar.update(reading, completed=hours)
    return found
