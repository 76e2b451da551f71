"""The pictures of a campaign's results: differences beside zero, looks over days, tenths of the score."""

from collections.abc import Mapping, Sequence

from api.console.documents.campaign import CampaignResultsPage
from api.console.pictures import WIDE
from api.documents.campaign_results import DifferenceReport, MetricReport
from api.pictures import Effect, Look, Picture, Step, interval, sequence, uplift
from domain.campaigns import Campaign, Metric
from domain.values import Currency

_NAMES = {
    Metric.CONVERSION: "bought anything",
    Metric.REVENUE: "as it is",
    Metric.REVENUE_ADJUSTED: "adjusted for what they spent before",
}
_REVENUES = (Metric.REVENUE, Metric.REVENUE_ADJUSTED)


def pictures_of(
    campaign: Campaign, document: CampaignResultsPage
) -> Mapping[str, tuple[Picture, int]]:
    """Each picture by its name, and how wide it is on a wide page; none of what may not be said."""
    report = document.results
    found = dict(differences(report.metrics, campaign.category, campaign.currency))
    if len(document.looks) > 1:
        looks = [
            Look(each.at, 100 * each.difference, _times(each.low, 100), _times(each.high, 100))
            for each in document.looks
        ]
        found["looks"] = sequence(looks, unit="points"), WIDE
    steps = [
        Step(
            f"tenth {each.tenth}",
            each.treated.customers + each.held_out.customers,
            each.conversion.estimate,
            each.conversion.interval.low,
            each.conversion.interval.high,
        )
        for each in report.uplift
        if each.conversion is not None
    ]
    if steps:
        found["uplift"] = uplift(steps), WIDE
    return found


def differences(
    reports: Sequence[MetricReport], category: str | None, currency_code: str
) -> Mapping[str, tuple[Picture, int]]:
    """Buyers and revenue beside zero, each where it may be told."""
    metrics = {Metric(each.metric): each for each in reports}
    found: dict[str, tuple[Picture, int]] = {}
    shares = [
        _effect(name, metrics[metric], 100.0)
        for metric, name in (
            (Metric.CONVERSION_IN_CATEGORY, f"bought in {category}"),
            (Metric.CONVERSION, _NAMES[Metric.CONVERSION]),
        )
        if metric in metrics and (category is not None or metric is Metric.CONVERSION)
    ]
    if conversions := [each for each in shares if each is not None]:
        found["conversion"] = interval(conversions, unit="points"), WIDE
    currency = Currency.of(currency_code)
    amounts = [
        _effect(_NAMES[metric], metrics[metric], 1 / currency.minor_per_major)
        for metric in _REVENUES
        if metric in metrics
    ]
    if revenues := [each for each in amounts if each is not None]:
        found["revenue"] = interval(revenues, unit=f"{currency.code} a customer"), WIDE
    return found


def _effect(name: str, metric: MetricReport, unit: float) -> Effect | None:
    """A metric as it may be told: the difference once the days are over, else what holds at any look."""
    shown: DifferenceReport | None = metric.difference
    held = metric.always_valid if shown is None else shown.interval
    if held is None:
        return None
    estimate = metric.treated - metric.held_out if shown is None else shown.estimate
    return Effect(name, estimate * unit, _times(held.low, unit), _times(held.high, unit))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
