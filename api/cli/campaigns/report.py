"""Campaigns and their results in words."""

from collections.abc import Iterator

from api.documents.campaign_results import (
    DifferenceReport,
    FlagResultsReport,
    IntervalReport,
    MetricReport,
    ResultsReport,
    UpliftReport,
)
from domain.campaigns import Campaign, CampaignArm, Metric, Rule
from domain.values import BUCKETS, Currency, instant

_RULES = {
    Rule.SUPPRESSED: "on the suppression list",
    Rule.CONTACTED: "contacted by another campaign",
    Rule.TOO_FEW_PURCHASES: "with too few purchases",
    Rule.FIRST_BOUGHT_LATER: "who first bought in it later",
}
_NAMES = {
    Metric.CONVERSION_IN_CATEGORY: "bought in {category}",
    Metric.CONVERSION: "bought anything",
    Metric.REVENUE: "revenue a customer",
    Metric.REVENUE_ADJUSTED: "revenue a customer, adjusted for what they spent before",
}
_VERDICTS = {
    "higher": "higher: the treated bought more",
    "lower": "lower: the treated bought less",
    "not_told_apart": "no difference is seen beyond chance",
    "too_early": "too early to say",
    "no_holdout": "nobody is held out, or nobody else: there is nothing to compare with",
    "partial": "members are unread: run it again",
    "assignment_broken": "the assignment is broken: no winner is shown",
}


def created_text(campaign: Campaign) -> str:
    """A new campaign, and what comes next."""
    name = campaign.name
    return (
        f"{shown_text(campaign)}\n"
        f"next: propensity campaign export {name} --format klaviyo --output {name}.csv\n"
        f"once it is sent: propensity campaign sent {name}"
    )


def shown_text(campaign: Campaign) -> str:
    """One campaign for people."""
    treated, held_out = (campaign.members[arm] for arm in CampaignArm)
    versions = " and ".join(map(str, campaign.versions.values()))
    head = (
        f"{campaign.name}: {campaign.size:,} members of {campaign.eligible:,} scored customers of "
        f"{campaign.category}, as of {instant.render(campaign.as_of)}, by {campaign.model} "
        f"version {versions}"
    )
    lines = [
        head,
        f"treated: {treated:,}, held out: {held_out:,}",
        *(f"taken out: {n:,} {_RULES[rule]}" for rule, n in campaign.removed.items()),
        power_text(campaign),
    ]
    if campaign.erased:
        lines.append(f"erased since: {campaign.erased:,}")
    if campaign.members_removed_at is not None:
        lines.append(f"members removed at {instant.render(campaign.members_removed_at)}")
    if campaign.sent_at is not None:
        lines.append(f"sent at {instant.render(campaign.sent_at)}")
    return "\n".join(lines)


def power_text(campaign: Campaign) -> str:
    """Which lift the campaign will see, said before it starts."""
    baseline, share = campaign.baseline, campaign.policy.holdout / BUCKETS
    what = f"in {campaign.category}" if baseline.in_category else "anything"
    rate = f"{baseline.rate:.1%} who buy {what} within {baseline.horizon_days} days, as the model expects"
    if baseline.lift is None:
        return f"with {_percent(share)} held out of {campaign.size:,} no lift will be seen above {rate}"
    return (
        f"with {_percent(share)} held out of {campaign.size:,} you will see a lift of "
        f"{100 * baseline.lift:.1f} points or more above {rate} (80 % power, two-sided 5 %)"
    )


def results_text(report: ResultsReport, campaign: Campaign) -> str:
    """Results for people: what is known first, what must not be believed before all."""
    return "\n".join(_lines(report, campaign))


def _lines(report: ResultsReport, campaign: Campaign) -> Iterator[str]:
    state = (
        "over" if report.over else "NOT OVER YET: only intervals that hold at any look are shown"
    )
    yield (
        f"{report.name}: purchases from {report.begins_at} for {report.days} days, {state}; "
        f"measured at {report.measured_at}"
    )
    yield from _arms(report)
    for metric in report.metrics:
        yield from _metric(metric, campaign.category, campaign.currency)
    if any(each.conversion is not None for each in report.uplift):
        yield "uplift by tenth of the score, the highest first: treated, held out, difference"
        yield from map(_tenth, report.uplift)


def flag_results_text(report: FlagResultsReport) -> str:
    """Results of a flag for people."""
    state = (
        "over" if report.over else "NOT OVER YET: only intervals that hold at any look are shown"
    )
    drawn = (
        "" if report.share == 1 else f", {report.share:.3%} of all customers, drawn by their ids"
    )
    metrics = [
        line
        for metric in report.metrics
        for line in _metric(metric, report.category or "", report.currency)
    ]
    head = (
        f"{report.flag}: customers first asked about from {report.start} to {report.end}{drawn}; "
        f"purchases of each for {report.days} days, {state}; measured at {report.measured_at}"
    )
    return "\n".join([head, *_arms(report), *metrics])


def _arms(report: ResultsReport | FlagResultsReport) -> Iterator[str]:
    yield f"treated: {report.treated:,}, held out: {report.held_out:,}"
    if report.assignment_broken:
        yield (
            f"ASSIGNMENT IS BROKEN: {_percent(report.holdout)} should be held out; arms so unlike "
            f"that come by chance with a probability of {report.sample_ratio:.2g}. Somebody left one "
            "arm more than the other. Do not use this result."
        )


def _metric(metric: MetricReport, category: str, code: str) -> Iterator[str]:
    kind = Metric(metric.metric)
    money = kind in {Metric.REVENUE, Metric.REVENUE_ADJUSTED}
    currency = Currency.of(code) if money else None
    name = _NAMES[kind].format(category=category)
    yield f"{name}: treated {_value(metric.treated, currency)}, held out {_value(metric.held_out, currency)}"
    if metric.difference is not None:
        yield f"  difference {_difference(metric.difference, currency)}"
    if metric.always_valid is not None:
        yield f"  at any look: {_interval(metric.always_valid, currency)}"
    yield f"  {_VERDICTS[metric.verdict]}"


def _difference(difference: DifferenceReport, currency: Currency | None) -> str:
    absolute = f"{_points(difference.estimate, currency)} (95 %: {_interval(difference.interval, currency)})"
    if difference.relative is None:
        return absolute
    ends = difference.relative_interval
    low, high = ("open" if end is None else f"{end:+.1%}" for end in (ends.low, ends.high))
    return f"{absolute}, {difference.relative:+.1%} ({low} to {high})"


def _interval(interval: IntervalReport, currency: Currency | None) -> str:
    ends = (interval.low, interval.high)
    low, high = ("open" if end is None else _points(end, currency) for end in ends)
    return f"{low} to {high}"


def _tenth(uplift: UpliftReport) -> str:
    rates = (
        each.bought / each.customers if each.customers else 0.0
        for each in (uplift.treated, uplift.held_out)
    )
    treated, held_out = (f"{rate:.1%}" for rate in rates)
    found = "" if uplift.conversion is None else f", {_difference(uplift.conversion, None)}"
    return f"  {uplift.tenth:2}: {treated}, {held_out}{found}"


def _value(value: float, currency: Currency | None) -> str:
    return f"{value:.2%}" if currency is None else _money(value, currency, sign="")


def _points(value: float, currency: Currency | None) -> str:
    return f"{100 * value:+.2f} points" if currency is None else _money(value, currency, sign="+")


def _money(minor: float, currency: Currency, *, sign: str) -> str:
    digits = currency.exponent
    return f"{minor / 10**digits:{sign},.{digits}f} {currency.code}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
