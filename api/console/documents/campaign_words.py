"""What may be said of a campaign's result, in one line and in plain words."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.console.wording import number, percent
from domain.campaigns import Campaign, CampaignResults, Interval, Measured, Metric, Verdict

Tone = Literal["good", "bad", "warn", "plain"]
_OPEN = "an unknown number of"
THOUSAND = 1_000


class Conclusion(Struct, frozen=True, kw_only=True):
    """What may be said: `good` where the campaign sold more, `bad` where less or nothing may be said."""

    tone: Tone
    headline: Annotated[str, Meta(description="One line.")]
    text: Annotated[str, Meta(description="What it rests on, and what it means.")]


def conclusion_of(campaign: Campaign, results: CampaignResults | None) -> Conclusion:
    """What may be said of the conversion that the campaign was planned for."""
    if results is None:
        return Conclusion(
            tone="plain",
            headline="Not measured yet.",
            text="Measure it some days after it was sent.",
        )
    primary = Metric.CONVERSION_IN_CATEGORY if campaign.baseline.in_category else Metric.CONVERSION
    return concluded(results, primary, subject="The campaign", lift=campaign.baseline.lift)


def concluded(
    results: CampaignResults, primary: Metric, *, subject: str, lift: float | None = None
) -> Conclusion:
    """What may be said of a metric; `lift` is the least difference that was planned to be noticed."""
    metric = next(each for each in results.metrics if each.metric is primary)
    silenced = _silenced(results, metric.verdict)
    return silenced or _told(subject, lift, results, metric)


def _silenced(results: CampaignResults, verdict: Verdict) -> Conclusion | None:
    if verdict is Verdict.ASSIGNMENT_BROKEN:
        people = results.treated + results.held_out
        share = results.held_out / people if people else 0.0
        return Conclusion(
            tone="bad",
            headline="The groups are not what chance drew: no result is shown.",
            text=f"{percent(results.holdout, 1)} were to be held out, and {percent(share, 1)} are. By "
            f"chance alone that has a probability of {results.sample_ratio:.2g}. Somebody left one "
            "group more than the other. Do not use this result.",
        )
    if verdict is Verdict.NO_HOLDOUT:
        return Conclusion(
            tone="warn",
            headline="Nobody was held out: there is nothing to compare with.",
            text="Hold some out of the next campaign, to see whether it helps.",
        )
    if verdict is Verdict.PARTIAL:
        return Conclusion(
            tone="warn",
            headline=f"{number(results.unread)} members could not be read: measure again.",
            text="A result from some of the members would say nothing.",
        )
    return None


def _told(
    subject: str, lift: float | None, results: CampaignResults, metric: Measured
) -> Conclusion:
    interval = metric.difference.interval if metric.difference else metric.always_valid
    interval = interval or Interval(None, None)
    estimate = metric.treated - metric.held_out
    if metric.verdict is Verdict.TOO_EARLY:
        return Conclusion(
            tone="plain",
            headline="Too early to say.",
            text=f"The {results.days} days are not over, and so far chance alone explains the "
            f"difference: it is {_span(interval)}. You may look as often as you like.",
        )
    if metric.verdict is Verdict.NOT_TOLD_APART:
        least = "" if lift is None else f" It was planned to notice {_points(lift)} points or more."
        return Conclusion(
            tone="plain",
            headline="No difference is seen beyond chance.",
            text=f"{subject} made a difference {_span(interval)}.{least}",
        )
    higher = metric.verdict is Verdict.HIGHER
    more = "more" if higher else "fewer"
    people = number(abs(estimate) * THOUSAND)
    so_far = "" if results.over else "So far, and whenever you look: "
    return Conclusion(
        tone="good" if higher else "bad",
        headline=f"{subject} brought {_points(abs(estimate))} points {more} buyers.",
        text=f"{so_far}Between {_ends(interval, higher=higher)} points {more}; of {number(THOUSAND)} "
        f"contacted that is {people} people.",
    )


def _points(share: float) -> str:
    return number(100 * share, 1)


def _ends(interval: Interval, *, higher: bool) -> str:
    """Both ends as sizes, the smaller first."""
    sign = 1 if higher else -1
    ends = [None if end is None else sign * end for end in (interval.low, interval.high)]
    low, high = ends if higher else reversed(ends)
    return (
        f"{_OPEN if low is None else _points(low)} and {_OPEN if high is None else _points(high)}"
    )


def _span(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "of a size that so few people do not tell"
    return f"between {_signed(interval.low)} and {_signed(interval.high)} points"


def _signed(share: float) -> str:
    return f"{100 * share:+,.1f}".replace("-", "\N{MINUS SIGN}")
