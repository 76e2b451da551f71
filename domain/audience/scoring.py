"""How customers become members: scored by the model that answers each, many at a time."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from domain.audience.member import Member
from domain.features import Histories
from domain.prediction import Arm, ServedModel, Traffic
from domain.purchases import Purchase
from domain.recent import RecentBatch
from domain.recent.columns import RecentColumns
from domain.values import Reach


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """One traffic at one instant: a matrix and a scorer call per version for any number of customers.

    Every customer without purchases has the same features, so `empty` is scored once per arm.
    `features` is where those of all others go, by customer, if somebody wants them.
    """

    traffic: Traffic
    as_of: int
    category: str
    empty: Mapping[Arm, float]
    features: MutableMapping[str, NDArray[np.float64]] | None = None

    @classmethod
    def of(
        cls,
        traffic: Traffic,
        as_of: int,
        category: str,
        features: MutableMapping[str, NDArray[np.float64]] | None = None,
    ) -> "Scoring":
        """The scoring of a category's customers, with the empty history scored.

        Raises:
            CorruptRecord: a model's score is no probability.
        """
        answering = traffic.answering.items()
        nobody = Histories.of([()])
        empty = {
            arm: float(model.scores(nobody, as_of, target=category)[1][0])
            for arm, model in answering
        }
        return cls(traffic, as_of, category, empty, features)

    @property
    def reach(self) -> Reach:
        """What must be known for every model that answers."""
        return self.traffic.reach

    def reach_of(self, customer: str) -> Reach:
        """What the model that answers this customer must know."""
        return self.traffic.model_for(customer).features.reach

    def members(self, histories: Histories) -> list[Member]:
        """Each customer scored by the model that answers them, in order.

        Raises:
            CorruptRecord: a model's score is no probability.
        """
        customers = histories.customer_ids
        models = self._models_of(customers)
        probability = np.empty(len(models))
        for arm, model in self.traffic.answering.items():
            theirs = self._who_of(models, model)
            probability[theirs] = self.empty[arm]
            seen = histories if model.features.reach.ever else replace(histories, earlier=None)
            if (bought := theirs & seen.known).any():
                some = seen.only(bought)
                matrix, found = model.scores(some, self.as_of, target=self.category)
                probability[bought] = found
                if self.features is not None:
                    self.features.update(zip(some.customer_ids, matrix, strict=True))
        answers = zip(customers, probability.tolist(), models, strict=True)
        return [Member(customer, score, model.arm) for customer, score, model in answers]

    def absent(self, customer: str) -> Member:
        """A customer known to have no purchases, scored."""
        arm = self.traffic.model_for(customer).arm
        return Member(customer, self.empty[arm], arm)

    def unread(self, customer: str) -> Member:
        """A customer who could not be read."""
        return Member(customer, None, self.traffic.model_for(customer).arm)

    def split(self, batch: RecentBatch) -> tuple[list[Member], list[str]]:
        """Those whose recent purchases suffice, scored, and the ids of the others.

        Raises:
            CorruptRecord: two purchases share an id, or a model's score is no probability.
        """
        enough: dict[str, Sequence[Purchase]] = {}
        others: list[str] = []
        for history in batch.histories:
            reach = self.reach_of(history.customer_id)
            if history.answers(reach, self.as_of):
                enough[history.customer_id] = history.reaching(reach)
            else:
                others.append(history.customer_id)
        members = self.members(Histories.of_each(enough)) if enough else []
        if batch.columns is not None:
            answered = self._answered(batch.columns)
            members += self.members(batch.columns.only(answered).histories)
            others += compress(batch.columns.histories.customer_ids, ~answered)
        return members, others

    def _answered(self, columns: RecentColumns) -> NDArray[np.bool_]:
        """Whose columns suffice. Shape: (n,) bool."""
        models = self._models_of(columns.histories.customer_ids)
        answered = np.zeros(len(models), dtype=np.bool_)
        for model in self.traffic.answering.values():
            enough = columns.answer(model.features.reach, self.as_of)
            answered |= enough & self._who_of(models, model)
        return answered

    def _models_of(self, customers: Sequence[str]) -> Sequence[ServedModel]:
        """Which model answers each of them."""
        if self.traffic.challenger is None:
            return [self.traffic.champion] * len(customers)
        return [self.traffic.model_for(customer) for customer in customers]

    def _who_of(self, models: Sequence[ServedModel], model: ServedModel) -> NDArray[np.bool_]:
        """Whom this one of the models answers. Shape: (n,) bool."""
        if self.traffic.challenger is None:
            return np.ones(len(models), dtype=np.bool_)
        return np.fromiter((each is model for each in models), dtype=np.bool_, count=len(models))
