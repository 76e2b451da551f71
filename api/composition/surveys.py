"""Surveys of a deployment, each in a process of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.composition.application import Application, application
from api.process import Settings

if TYPE_CHECKING:
    from api.process.surveys import Surveys, SurveyWanted
    from domain.audience import Survey


def surveys_of(built: Application) -> "Surveys":
    """What a server surveys audiences with."""
    from adapters.workers import OwnProcess
    from api.process.surveys import Surveys, survey_prepared

    async def prepare(category: str, model: str | None, as_of: int | None) -> "SurveyWanted":
        return await survey_prepared(
            category,
            model,
            as_of,
            clock=built.clock,
            traffic=built.audience_traffic,
            plan=built.plan_audience,
        )

    return Surveys(
        prepare=prepare,
        work=lambda wanted: SurveyBeside(settings=built.settings, wanted=wanted),
        beside=OwnProcess(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyBeside:
    """A survey as a process of its own makes it."""

    settings: Settings
    wanted: "SurveyWanted"

    def __call__(self, tell: Callable[[object], object]) -> "Survey":
        """The survey; what is told is how many customers are done.

        Raises:
            Unavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        from domain.audience import AudienceQuery, SurveyAudience

        wanted = self.wanted
        with application(self.settings, batch=True) as built:
            traffic = built.traffic_at(wanted.model, wanted.revision)

            async def survey() -> "Survey":
                plan = await built.plan_audience(
                    wanted.category,
                    as_of=wanted.as_of,
                    traffic=traffic,
                    deadline_s=self.settings.batch_deadline_s,
                )
                query = AudienceQuery(
                    category=wanted.category,
                    as_of=wanted.as_of,
                    traffic=traffic,
                    deadline_s=self.settings.audience_deadline_s,
                    way=plan.way,
                )
                return await SurveyAudience(audience=built.audience)(query, on_progress=tell)

            return asyncio.run(survey())
