"""Survey an audience: its customers are read and scored once, and sums alone are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from domain.audience.member import Expectation, Member
from domain.audience.reads import AudienceSummary
from domain.audience.stream import AudienceQuery, ScoreAudience
from domain.audience.survey import FINE, Counts, FeatureSums, Survey, Values, bucket_of
from domain.features import Histories
from domain.prediction import ServedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAudience:
    """Reads and scores a category's audience once, and keeps sums alone.

    Memory does not grow with the category; where the audience is scanned, it holds the features of
    those scanned, a million customers at most.
    """

    audience: ScoreAudience

    async def __call__(
        self, query: AudienceQuery, /, *, on_progress: Callable[[int], object] = lambda _: None
    ) -> Survey:
        """The survey; cancelled, it reads no more. `on_progress` is told how many are done.

        Raises:
            StoreUnavailable: a refusal that retrying cannot mend.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        counting = _Counting(query)
        async with self.audience.stream(counting.query) as (batches, summary):
            async for batch in batches:
                counting.count(batch)
                on_progress(summary.scored + summary.unread)
        return counting.survey(summary)


class _Counting:
    """Customers on their way into buckets."""

    def __init__(self, query: AudienceQuery) -> None:
        self._rows: dict[str, Values] = {}
        self.query = replace(query, features=self._rows)
        self._people = np.zeros(FINE, dtype=np.int64)
        self._expected = [0] * FINE
        self._arms = {
            arm: _ArmCounting.of(model, query) for arm, model in query.traffic.answering.items()
        }

    def count(self, members: Sequence[Member]) -> None:
        """These come next; the unread are in no bucket."""
        read = [member for member in members if member.probability is not None]
        buckets = bucket_of(np.array([member.probability for member in read], dtype=np.float64))
        np.add.at(self._people, buckets, 1)
        for member, bucket in zip(read, buckets.tolist(), strict=True):
            self._expected[bucket] += Expectation.of([member]).steps
        for arm, counting in self._arms.items():
            of_arm = np.array([member.arm is arm for member in read], dtype=np.bool_)
            rows = [
                self._rows.pop(member.customer_id, counting.nobody)
                for member in read
                if member.arm is arm
            ]
            if rows:
                np.add.at(counting.people, buckets[of_arm], 1)
                np.add.at(counting.sums, buckets[of_arm], np.array(rows))

    def survey(self, summary: AudienceSummary) -> Survey:
        """What they amount to."""
        query, champion = self.query, self.query.traffic.champion
        return Survey(
            category=query.category,
            as_of=query.as_of,
            model=query.traffic.name,
            revision=query.traffic.revision,
            versions={arm: model.version for arm, model in query.traffic.answering.items()},
            horizon_days=champion.horizon_days,
            in_category=champion.features.targeted,
            people=self._people,
            expected=[Expectation(steps) for steps in self._expected],
            features={arm: counting.of_version for arm, counting in self._arms.items()},
            unread=summary.unread,
            unlisted_shards=summary.unlisted_shards,
            way=summary.way,
            round_trips=summary.cost.round_trips,
            reads=summary.cost.reads,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ArmCounting:
    """Of one version: the features of a customer without purchases, and the sums so far."""

    model: ServedModel
    nobody: Values
    people: Counts = field(default_factory=lambda: np.zeros(FINE, dtype=np.int64))
    sums: Values

    @classmethod
    def of(cls, model: ServedModel, query: AudienceQuery) -> "_ArmCounting":
        nobody = model.features.matrix(Histories.of([()]), query.as_of, target=query.category)[0]
        return cls(model=model, nobody=nobody, sums=np.zeros((FINE, len(nobody))))

    @property
    def of_version(self) -> FeatureSums:
        return FeatureSums(
            version=self.model.version,
            names=self.model.features.names,
            facts=self.model.facts,
            people=self.people,
            sums=self.sums,
        )
