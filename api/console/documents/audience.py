"""A category's audience as a marketer sees it: how likely they are, and what a range of them holds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.audience import FINE, Range, Survey
from domain.campaigns import Power
from domain.features import AnyFeature, Shape
from domain.prediction import Arm

BARS = 20
MOST_FEATURES = 8
PER_CENT = FINE // 100
Instant = Annotated[int, Meta(description="Microseconds since the epoch, UTC.")]
Share = Annotated[float, Meta(ge=0, le=1)]


class CategoryLine(Struct, frozen=True, kw_only=True):
    """One category of the list."""

    category: str
    approximate_customers: int


class AudiencesPage(Struct, frozen=True, kw_only=True):
    """Categories, the largest first."""

    categories: list[CategoryLine]
    more: Annotated[int, Meta(description="So many smaller ones are not shown.")]
    search: str


class SeenBar(Struct, frozen=True, kw_only=True):
    """People whose probability is within one twentieth."""

    low: Share
    high: Share
    people: int
    expected_buyers: float


class SeenMean(Struct, frozen=True, kw_only=True):
    """A feature of the chosen beside everybody, in its own unit.

    `log_odds` is what the difference adds to the score of the chosen.
    """

    feature: str
    meaning: str
    chosen: float
    all: float
    log_odds: float | None


class Chosen(Struct, frozen=True, kw_only=True):
    """What a range of probabilities holds, as the model expects it."""

    low: Annotated[int, Meta(ge=0, le=99, description="In per cent; included.")]
    high: Annotated[int, Meta(ge=1, le=100, description="In per cent; excluded, but for 100.")]
    people: int
    expected_buyers: float
    expected_non_buyers: float
    share_of_buyers: Share
    share_of_people: Share
    read_units: Annotated[float, Meta(description="To freeze them as a campaign, at least.")]
    price_usd: float
    speaks: Annotated[list[SeenMean], Meta(description="The largest contribution first.")]


class SeenPower(Struct, frozen=True, kw_only=True):
    """Which difference a campaign of the chosen will notice, at a share held out."""

    holdout: Share
    held_out: int
    treated: int
    detectable_lift: float | None

    @classmethod
    def of(cls, power: Power, holdout: float) -> "SeenPower":
        """The power as it is shown."""
        return cls(
            holdout=holdout,
            held_out=power.held_out,
            treated=power.treated,
            detectable_lift=power.lift,
        )


class Distribution(Struct, frozen=True, kw_only=True):
    """How one version, or one model, sees the category as it was at `as_of`."""

    name: str
    as_of: Instant
    people: int
    mean: Annotated[float | None, Meta(description="The mean probability, of the bars' middles.")]
    bars: list[int]


class SeenSurvey(Struct, frozen=True, kw_only=True):
    """What was read of everybody of the category."""

    as_of: Instant
    model: str
    revision: int
    versions: dict[str, int]
    horizon_days: int
    in_category: bool
    people: int
    unread: int
    partial: bool
    read_units: float
    bars: list[SeenBar]


class AudiencePage(Struct, frozen=True, kw_only=True):
    """One category. `state`: `none` was read yet, it is being `read`, `ready`, or it `failed`."""

    category: str
    approximate_customers: int
    model: str
    models: list[str]
    state: Literal["none", "read", "ready", "failed"]
    done: int
    reason: str | None
    survey: SeenSurvey | None
    chosen: Chosen | None
    power: list[SeenPower]
    holdout_is_a_share: Annotated[bool, Meta(description="Whether what was typed can be held out.")]
    beside: str | None
    distributions: Annotated[
        list[Distribution], Meta(description="Two of them, where one was asked beside.")
    ]


def survey_of(survey: Survey) -> SeenSurvey:
    """The survey as it is shown."""
    return SeenSurvey(
        as_of=survey.as_of,
        model=survey.model,
        revision=survey.revision,
        versions={arm.value: version for arm, version in survey.versions.items()},
        horizon_days=survey.horizon_days,
        in_category=survey.in_category,
        people=int(survey.people.sum()),
        unread=survey.unread,
        partial=survey.partial,
        read_units=survey.reads.total,
        bars=[
            SeenBar(
                low=each.within.low / FINE,
                high=each.within.high / FINE,
                people=each.people,
                expected_buyers=each.buyers,
            )
            for each in survey.histogram(BARS)
        ],
    )


def range_of(low: int, high: int) -> Range:
    """The range of so many per cent.

    Raises:
        InvalidRequest: it holds no probability.
    """
    return Range(low * PER_CENT, high * PER_CENT)


def chosen_of(
    survey: Survey, low: int, high: int, *, features: Mapping[str, AnyFeature], usd_per_unit: float
) -> Chosen:
    """What so many per cent hold. `features` by their names are those of the champion.

    Raises:
        InvalidRequest: it is no range.
    """
    within = range_of(low, high)
    found = survey.figures(within)
    return Chosen(
        low=low,
        high=high,
        people=found.people,
        expected_buyers=found.buyers,
        expected_non_buyers=found.non_buyers,
        share_of_buyers=found.share_of_buyers,
        share_of_people=found.share_of_people,
        read_units=found.read_units,
        price_usd=found.read_units * usd_per_unit,
        speaks=_speaks(survey, within, features),
    )


def _speaks(survey: Survey, within: Range, features: Mapping[str, AnyFeature]) -> list[SeenMean]:
    sums = survey.features[Arm.CHAMPION]
    found: list[SeenMean] = []
    for each in sums.means(within):
        feature = features.get(each.feature)
        shape = Shape() if feature is None else feature.shape
        facts = sums.facts
        added = None
        if facts is not None and each.feature in facts.coefficients:
            added = facts.coefficients[each.feature] * (each.mean - each.mean_of_all)
        found.append(
            SeenMean(
                feature=each.feature,
                meaning=each.feature if feature is None else meaning_in(feature, survey.category),
                chosen=shape.undone(each.mean),
                all=shape.undone(each.mean_of_all),
                log_odds=added,
            )
        )
    return sorted(found, key=lambda each: -abs(each.log_odds or 0.0))[:MOST_FEATURES]


def meaning_in(feature: AnyFeature, category: str | None) -> str:
    """What a feature means before it is transformed, the category by its name."""
    text = feature.plain.meaning
    return text if category is None else text.replace("the category asked about", category)


def distribution_of(name: str, survey: Survey, bars: Sequence[int] | None = None) -> Distribution:
    """People of a survey by twentieths of probability; `bars` are those of a part of them."""
    if bars is None:
        bars = [each.people for each in survey.histogram(BARS)]
    people = sum(bars)
    middles = sum((place + 0.5) / len(bars) * count for place, count in enumerate(bars))
    return Distribution(
        name=name,
        as_of=survey.as_of,
        people=people,
        mean=middles / people if people else None,
        bars=list(bars),
    )


def arms_of(survey: Survey) -> list[Distribution]:
    """How each version that answers sees those whom it answers."""
    width = FINE // BARS
    return [
        distribution_of(
            f"version {sums.version}", survey, sums.people.reshape(BARS, width).sum(axis=1).tolist()
        )
        for sums in survey.features.values()
    ]
