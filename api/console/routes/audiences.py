"""Audiences: a category's people by how likely they are, a range of them, and a campaign of that."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation

from api.console.campaign_form import CampaignForm
from api.console.documents.audience import (
    AudiencePage,
    AudiencesPage,
    CategoryLine,
    Chosen,
    Distribution,
    SeenPower,
    arms_of,
    chosen_of,
    distribution_of,
    survey_of,
)
from api.console.rendering import AnyRequest, done, fragment, html, page, rendered
from api.console.routes.campaigns import path_of as campaign_path
from api.console.signing_in import ROOT, seen_with
from api.console.wording import segment
from api.http.access import who_of
from api.http.parameters import name_in
from api.http.services import Audiences, Readiness
from api.pictures import nice_ticks
from api.process.creating import CampaignCreations
from api.process.surveys import Surveys, SurveyState
from domain.audience import Survey
from domain.categories import CategoryIndex
from domain.errors import Conflict, NoLiveModel, Rejected
from domain.features import AnyFeature
from domain.keys import Scope
from domain.prediction import Traffic
from domain.purchases import MAX_CATEGORY_BYTES
from domain.values import BUCKETS

AUDIENCES = f"{ROOT}/audiences"
MOST = 200
MAX_BODY_BYTES = 8_000_000
READ_AT_ONCE = 20_000
"""Customers of a category that is read without asking first; a larger one says what it costs."""
_ONE = "/audiences/{category:str}"
Counted: TypeAlias = NamedDependency[SkipValidation[Surveys]]
Creating: TypeAlias = NamedDependency[SkipValidation[CampaignCreations]]
Asked: TypeAlias = NamedDependency[SkipValidation[Audiences]]
Ready: TypeAlias = NamedDependency[SkipValidation[Readiness]]


@dataclass(frozen=True, slots=True)
class _Looking:
    """What makes the page of a category."""

    surveys: Surveys
    audiences: Audiences
    creations: CampaignCreations
    readiness: Readiness
    usd_per_unit: float

    def seen(self, category: str, model: str | None, as_of: str) -> Survey:
        """The survey that the page showed, of that instant.

        Raises:
            Conflict: it is not there any more.
        """
        traffic = self.audiences.traffic(model)
        state = self.surveys.of((traffic.name, traffic.label, category))
        survey = None if state is None else state.survey or state.before
        if survey is None or str(survey.as_of) != as_of:
            raise Conflict("the figures are others by now: look at them, and create it then")
        return survey

    async def page(self, category: str, request: AnyRequest, form: CampaignForm) -> AudiencePage:
        """The page's document.

        Raises:
            NotFound: nobody ever bought in the category.
            InvalidRequest: the range is none, or the model does not serve here.
        """
        traffic = self.audiences.traffic(form.model or None)
        size = await self.audiences.plan.size_of(category)
        state = self.surveys.of((traffic.name, traffic.label, category))
        survey = None if state is None else state.survey or state.before
        reading = state is not None and not state.over
        chosen = None if survey is None else self._chosen(survey, traffic, form)
        beside = request.query_params.get("beside") or None
        return AudiencePage(
            category=category,
            approximate_customers=size.customers,
            model=traffic.name,
            models=[name for name in self.readiness.traffic if self._serves(name)],
            state=_state_of(survey, state),
            done=state.done if state is not None and reading else 0,
            reason=None if state is None else state.reason,
            survey=None if survey is None else survey_of(survey),
            chosen=chosen,
            power=[] if chosen is None else await self._power(chosen, form),
            holdout_is_a_share=form.holdout_points is not None,
            beside=beside,
            distributions=[] if survey is None else self._beside(category, survey, beside),
        )

    def _chosen(self, survey: Survey, traffic: Traffic, form: CampaignForm) -> Chosen:
        features: dict[str, AnyFeature] = {
            each.name: each for each in traffic.champion.features.features
        }
        return chosen_of(
            survey, form.low, form.high, features=features, usd_per_unit=self.usd_per_unit
        )

    async def _power(self, chosen: Chosen, form: CampaignForm) -> list[SeenPower]:
        """At the share that was typed, and at twice as much."""
        typed = form.holdout_points
        if not chosen.people or typed is None:
            return []
        rate = min(1.0, chosen.expected_buyers / chosen.people)
        shares = [typed, min(BUCKETS // 2, 2 * typed)]
        return [
            SeenPower.of(
                await self.creations.power(members=chosen.people, holdout=points, rate=rate),
                points / BUCKETS,
            )
            for points in dict.fromkeys(shares)
            if points
        ]

    def _beside(self, category: str, survey: Survey, beside: str | None) -> list[Distribution]:
        """Two versions of a split, or another model that was read already."""
        if beside is not None and beside in self.readiness.traffic and self._serves(beside):
            traffic = self.readiness.traffic[beside]()
            other = self.surveys.of((traffic.name, traffic.label, category))
            own = distribution_of(survey.model, survey)
            if other is not None and other.survey is not None:
                return [own, distribution_of(beside, other.survey)]
            return [own]
        return arms_of(survey) if len(survey.versions) > 1 else []

    def _serves(self, name: str) -> bool:
        try:
            self.readiness.traffic[name]()
        except NoLiveModel:
            return False
        return True


def _looking(
    surveys: Counted,
    audiences: Asked,
    campaign_creations: Creating,
    readiness: Ready,
    console_usd_per_unit: NamedDependency[float],
) -> _Looking:
    return _Looking(surveys, audiences, campaign_creations, readiness, console_usd_per_unit)


Looking: TypeAlias = NamedDependency[SkipValidation[_Looking]]
_LOOKS = {"looking": Provide(_looking, sync_to_thread=False)}


@get("/audiences", **seen_with(Scope.AUDIENCE))
async def audience_list(
    request: AnyRequest, index: NamedDependency[SkipValidation[CategoryIndex]]
) -> Response[bytes]:
    """The largest categories, or those whose name holds what was typed."""
    search = request.query_params.get("search", "").strip()
    found = [
        CategoryLine(category=name, approximate_customers=size.customers)
        for name, size in (await index.categories()).items()
        if search.lower() in name.lower()
    ]
    found.sort(key=lambda each: (-each.approximate_customers, each.category))
    document = AudiencesPage(categories=found[:MOST], more=max(0, len(found) - MOST), search=search)
    return await asyncio.to_thread(page, request, "audiences.html", document)


@get(_ONE, dependencies=_LOOKS, **seen_with(Scope.AUDIENCE))
async def audience(  # what the page shows
    category: FromPath[str], request: AnyRequest, looking: Looking
) -> Response[bytes]:
    """How likely they are, what a range holds, and a campaign of it."""
    name = name_in(category, "category", MAX_CATEGORY_BYTES)
    form = CampaignForm.of(request.query_params)
    document = await looking.page(name, request, form)
    return await asyncio.to_thread(
        page, request, "audience.html", document, form=form, wrong={}, **_around(document)
    )


@get(_ONE + "/figures", dependencies=_LOOKS, **seen_with(Scope.AUDIENCE))
async def audience_figures(  # what the figures rest on
    category: FromPath[str], request: AnyRequest, looking: Looking
) -> Response[bytes]:
    """What a slider shows at once: bars, numbers, power. Nothing is read."""
    name = name_in(category, "category", MAX_CATEGORY_BYTES)
    form = CampaignForm.of(request.query_params)
    document = await looking.page(name, request, form)
    if document.survey is None:
        answer = html("")
        answer.headers["HX-Refresh"] = "true"
        return answer
    return fragment(
        request,
        "audience_figures_piece.html",
        page=document,
        form=form,
        oob=True,
        ticks=_ticks(document),
    )


@get(_ONE + "/reading", **seen_with(Scope.AUDIENCE))
async def audience_reading(
    category: FromPath[str], request: AnyRequest, surveys: Counted, audiences: Asked
) -> Response[bytes]:
    """How far the reading is; once it is over, the page is asked for again."""
    name = name_in(category, "category", MAX_CATEGORY_BYTES)
    traffic = audiences.traffic(_model(request))
    state = surveys.of((traffic.name, traffic.label, name))
    if state is None or state.over:
        answer = html("")
        answer.headers["HX-Refresh"] = "true"
        return answer
    return fragment(
        request,
        "audience_reading_piece.html",
        address=path_of(name),
        model=traffic.name,
        done=state.done,
        total=state.wanted.expected,
    )


@post(_ONE + "/read", request_max_body_size=10_000, **seen_with(Scope.AUDIENCE))
async def read_audience(
    category: FromPath[str], request: AnyRequest, surveys: Counted
) -> Response[Any]:
    """Everybody of the category is read and scored, in the background; `anew`: once more."""
    name = name_in(category, "category", MAX_CATEGORY_BYTES)
    typed = await request.form()
    model = str(typed.get("model", "")) or None
    await surveys.start(name, model=model, anew=typed.get("anew") == "true")
    query = f"?model={segment(model)}" if model else ""
    return done(request, f"{path_of(name)}{query}", "Reading has begun. It goes on when you leave.")


@post(
    _ONE + "/campaign",
    dependencies=_LOOKS,
    request_max_body_size=MAX_BODY_BYTES,
    **seen_with(Scope.CAMPAIGNS_MANAGE),
)
async def create_campaign(  # what the act needs
    category: FromPath[str], request: AnyRequest, looking: Looking
) -> Response[Any]:
    """The chosen are frozen as a campaign, in the background; refused, the page is as it was."""
    name = name_in(category, "category", MAX_CATEGORY_BYTES)
    typed = await request.form()
    form = CampaignForm.of(typed)
    status = HTTPStatus.BAD_REQUEST
    try:
        survey = looking.seen(name, form.model or None, str(typed.get("as_of", "")))
        suppressed = await form.suppressed(typed.get("suppress"))
        wanted = form.wanted(name, survey, suppressed)
        creation = await looking.creations.start(wanted, who_of(request))
    except Conflict as exc:
        status, wrong = HTTPStatus.CONFLICT, {"name": str(exc)}
    except Rejected as exc:
        wrong = {exc.field: exc.reason}
    else:
        return done(request, campaign_path(creation.claim.name), "It is being created.")
    document = await looking.page(name, request, form)
    text = await asyncio.to_thread(
        rendered,
        request,
        "audience.html",
        page=document,
        form=form,
        wrong=wrong,
        **_around(document),
    )
    return html(text, status=status)


AUDIENCE_ROUTES = (
    audience_list,
    audience,
    audience_figures,
    audience_reading,
    read_audience,
    create_campaign,
)


def path_of(category: str) -> str:
    """Where the page of a category is."""
    return f"{AUDIENCES}/{segment(category)}"


def _state_of(survey: Survey | None, state: SurveyState | None) -> Any:
    if state is not None and not state.over:
        return "read"
    if state is not None and state.reason is not None and survey is None:
        return "failed"
    return "none" if survey is None else "ready"


def _model(request: AnyRequest) -> str | None:
    return request.query_params.get("model") or None


def _around(document: AudiencePage) -> dict[str, object]:
    """What the page does beside showing: whether it begins to read by itself."""
    small = document.approximate_customers <= READ_AT_ONCE
    return {"reads_by_itself": document.state == "none" and small, "ticks": _ticks(document)}


def _ticks(document: AudiencePage) -> list[float]:
    """Numbers of people at which the bars have a line."""
    survey = document.survey
    top = max((each.people for each in survey.bars), default=0) if survey else 0
    return [each for each in nice_ticks(0, top, about=3) if each and each == int(each)]
