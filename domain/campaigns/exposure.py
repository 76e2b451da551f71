"""Exposure: whom a flag was first decided for, into which arm, and what they bought since.

Everybody whom the flag did not hold out counts as treated, whether its policy acted on them or not.
Who is held out is not scored. So nobody knows on whom of them it would have acted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from domain.campaigns.campaign import BEFORE_DAYS, CampaignArm
from domain.campaigns.eligibility import number_of
from domain.campaigns.measuring import Enrolled, Experiment, MeasureExperiment
from domain.campaigns.reading import Span, SpanReader
from domain.campaigns.results import CampaignResults, Metric, Plan
from domain.campaigns.statistics import Moments
from domain.decision_log import DecisionLog, LoggedDecision
from domain.decisions import Flag
from domain.errors import NotFound, Rejected, StoreUnavailable
from domain.values import MICROS_PER_DAY

MOST_CUSTOMERS = 500_000
"""Customers who are measured at most; of more, as many are drawn by their ids."""
_AT_ONCE = 400
_EVERYBODY = 2**64
_UNKNOWN_RATE = 0.1
OnProgress: TypeAlias = Callable[[str, int, int], object]
"""Told what is done, how far, and of how many; of how many 0: nobody knows."""


def _in_silence(what: str, done: int, total: int, /) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagResults:
    """What was seen of a flag. Instants in microseconds since the epoch, UTC.

    Customers count whom it was first decided for from `start` on and before `end`, each from that
    decision on. `share` of all customers were drawn. `category` None: the flag is of any purchase.
    """

    flag: str
    category: str | None
    start: int
    end: int
    share: float
    results: CampaignResults


@dataclass(frozen=True, slots=True)
class _First:
    since: int
    held_out: bool
    probability: float | None


class FirstDecisions:
    """Takes logged decisions in any order, and keeps the first of each customer about one flag."""

    def __init__(self, flag: str, most: int = MOST_CUSTOMERS) -> None:
        self._flag = flag
        self._most = most
        self._below = _EVERYBODY
        self._firsts: dict[str, _First] = {}
        self.category: str | None = None

    def take(self, decision: LoggedDecision) -> None:
        """One more decision of the log; those of others, and of the erased, count for nothing.

        Raises:
            Rejected: the customer was in both arms, so the hold-out was changed in between.
        """
        customer = decision.customer_id
        if decision.flag != self._flag or customer is None or number_of(customer) >= self._below:
            return
        scored = decision.scored
        if scored is not None:
            self.category = scored.category
        first = self._firsts.get(customer)
        if first is not None and first.held_out != decision.held_out:
            raise Rejected(
                "flag",
                "had another hold-out within the period, so customers changed arms; choose a --from "
                "after the change",
            )
        if first is None or decision.as_of < first.since:
            probability = None if scored is None else scored.probability
            self._firsts[customer] = _First(decision.as_of, decision.held_out, probability)
            while len(self._firsts) > self._most:
                self._halve()

    @property
    def share(self) -> float:
        """The share of all customers who are kept."""
        return self._below / _EVERYBODY

    @property
    def rate(self) -> float:
        """How many of the treated were expected to buy, as the model said when it was asked."""
        known = [each.probability for each in self._firsts.values() if each.probability is not None]
        return sum(known) / len(known) if known else _UNKNOWN_RATE

    def __len__(self) -> int:
        return len(self._firsts)

    def batches(self) -> Iterator[Sequence[Enrolled]]:
        """Whom it was decided for, the first first, without what they bought before."""
        ordered = sorted(self._firsts.items(), key=lambda each: (each[1].since, each[0]))
        for at in range(0, len(ordered), _AT_ONCE):
            yield [
                Enrolled(
                    customer,
                    CampaignArm.HELD_OUT if first.held_out else CampaignArm.TREATED,
                    first.probability or 0.0,
                    first.since,
                )
                for customer, first in ordered[at : at + _AT_ONCE]
            ]

    def _halve(self) -> None:
        """By the customer's id alone, so that who comes often is in no more often."""
        self._below //= 2
        self._firsts = {c: f for c, f in self._firsts.items() if number_of(c) < self._below}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureFlag:
    """Measures what customers of a flag with a hold-out bought, from its log of decisions."""

    log: DecisionLog
    measure: MeasureExperiment
    most: int = MOST_CUSTOMERS

    async def __call__(
        self,
        flag: Flag,
        /,
        *,
        start: int,
        end: int,
        days: int,
        on_progress: OnProgress = _in_silence,
    ) -> FlagResults:
        """What is seen now of the customers of [start, end), each for so many days.

        Instants in microseconds since the epoch, UTC.

        Raises:
            Rejected: the flag holds nobody out, or did so otherwise within the period.
            NotFound: nothing is logged of it in the period.
            InvalidRequest: purchases of that time are no longer kept.
            StoreUnavailable: the log, or purchases before, could not be read.
            CorruptRecord: what is stored is none.
        """
        if not flag.holdout:
            raise Rejected(
                "flag", f'{flag.key} holds nobody out; declare a holdout such as holdout = "10%"'
            )
        firsts = FirstDecisions(flag.key, self.most)
        for batch in self.log.between(start, end):
            for decision in batch:
                firsts.take(decision)
            on_progress("reading the log", len(firsts), 0)
        if not len(firsts):
            raise NotFound(f"no decision of flag {flag.key} is logged in that period")
        enrolled = await self._with_the_time_before(firsts, on_progress)
        everybody = [each for batch in enrolled for each in batch]
        before = sum((Moments.of(each.volume_before_minor) for each in everybody), Moments())
        category = flag.category or firsts.category
        experiment = Experiment(
            category=category,
            days=days,
            holdout=flag.holdout,
            cuts=(),
            plan=Plan(rate=firsts.rate, spread=before.variance * days / BEFORE_DAYS),
            primary=Metric.CONVERSION if category is None else Metric.CONVERSION_IN_CATEGORY,
            began_at=everybody[0].since,
            last_since=everybody[-1].since,
        )
        results = await self.measure(
            enrolled,
            experiment,
            on_progress=lambda done: on_progress("reading purchases", done, len(everybody)),
        )
        told = [
            each
            for each in results.metrics
            if category is not None or each.metric is not Metric.CONVERSION_IN_CATEGORY
        ]
        return FlagResults(
            flag=flag.key,
            category=category,
            start=start,
            end=end,
            share=firsts.share,
            results=replace(results, metrics=told, uplift=()),  # who is held out has no score
        )

    async def _with_the_time_before(
        self, firsts: FirstDecisions, on_progress: OnProgress
    ) -> list[list[Enrolled]]:
        reader: SpanReader = self.measure.spans.until(self.measure.deadline_s)
        enrolled: list[list[Enrolled]] = []
        done = 0
        for batch in firsts.batches():
            spans = [
                Span(each.customer_id, each.since - BEFORE_DAYS * MICROS_PER_DAY, each.since)
                for each in batch
            ]
            found = await reader(spans, None)
            if len(found) < len(batch):
                raise StoreUnavailable(
                    "what customers bought before could not be read before the deadline; run it "
                    "again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
                )
            enrolled.append(
                [
                    replace(each, volume_before_minor=found[each.customer_id].volume_minor)
                    for each in batch
                ]
            )
            done += len(batch)
            on_progress("reading the time before", done, len(firsts))
        return enrolled
