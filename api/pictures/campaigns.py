"""The pictures of a campaign: whether it helped, whom, and what was known at each look."""

from collections.abc import Iterator, Sequence

from api.pictures.interval import Effect, interval
from api.pictures.picture import Picture
from api.pictures.sequence import Look, sequence
from api.pictures.uplift import Step, uplift
from domain.campaigns import CampaignResults, Interval, Measured, Metric
from domain.values import Currency

_CONVERSIONS = {
    Metric.CONVERSION_IN_CATEGORY: "bought in the category",
    Metric.CONVERSION: "bought anything",
}
_REVENUES = {Metric.REVENUE: "revenue", Metric.REVENUE_ADJUSTED: "revenue, adjusted for before"}


def conversions_of(results: CampaignResults) -> Picture:
    """Did more of them buy? Treated less held out, in points.

    Once the window is over, with the interval of one look; before, with the always-valid one.
    """
    return interval(list(_effects(results, _CONVERSIONS, 100.0)), unit="points")


def revenues_of(results: CampaignResults, currency: Currency) -> Picture:
    """Did they spend more? Treated less held out, in major units for each customer."""
    unit = f"{currency.code} a customer"
    return interval(list(_effects(results, _REVENUES, 10.0**-currency.exponent)), unit=unit)


def uplift_of(results: CampaignResults) -> Picture:
    """Whom did it help? By tenth of the score; there is none before the window is over."""
    return uplift(
        [
            Step(
                f"tenth {each.tenth}",
                each.treated.of + each.held_out.of,
                each.conversion.estimate,
                each.conversion.interval.low,
                each.conversion.interval.high,
            )
            for each in results.uplift
            if each.conversion is not None
        ]
    )


def looks_of(looks: Sequence[CampaignResults], metric: Metric) -> Picture:
    """May I look already? A conversion at every look, with the interval that holds at all of them."""
    found = [
        Look(results.measured_at, *_scaled(each.treated - each.held_out, each.always_valid, 100.0))
        for results in looks
        for each in results.metrics
        if each.metric is metric and each.always_valid is not None
    ]
    return sequence(found, unit="points")


def _effects(results: CampaignResults, names: dict[Metric, str], scale: float) -> Iterator[Effect]:
    for each in results.metrics:
        known = _known(each)
        if each.metric in names and known is not None:
            estimate, ends = known
            yield Effect(names[each.metric], *_scaled(estimate, ends, scale))


def _known(measured: Measured) -> tuple[float, Interval] | None:
    """The difference that may be shown, with its interval.

    What is adjusted is not the difference of the means: it stands in the middle of its interval.
    """
    if measured.difference is not None:
        return measured.difference.estimate, measured.difference.interval
    ends = measured.always_valid
    if ends is None:
        return None
    if measured.metric is not Metric.REVENUE_ADJUSTED:
        return measured.treated - measured.held_out, ends
    return None if ends.low is None or ends.high is None else ((ends.low + ends.high) / 2, ends)


def _scaled(
    estimate: float, ends: Interval | None, scale: float
) -> tuple[float, float | None, float | None]:
    low, high = (None, None) if ends is None else (ends.low, ends.high)
    return (
        estimate * scale,
        None if low is None else low * scale,
        None if high is None else high * scale,
    )
