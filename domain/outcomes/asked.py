"""Asked: the logged decisions about one model, and which of them are due."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.decision_log import LoggedDecision, Scored
from domain.outcomes.drawn import Drawn, Mine
from domain.outcomes.outcomes import NotJoined, Stratum
from domain.retention import PurchaseRetention
from domain.values import MICROS_PER_DAY


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """One customer's decisions whose horizon has passed.

    Shape: each (n,); as_of and horizon_us int64, microseconds; probability float64.
    """

    customer_id: str
    stratum: NDArray[np.int64]
    as_of: NDArray[np.int64]
    horizon_us: NDArray[np.int64]
    category: Sequence[str | None]
    probability: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of a flag's customers since `as_of`: whether they buy by when, in what."""

    as_of: int
    horizon_days: int
    category: str | None


class Asked:
    """Takes decisions one after another; those of customers whom a flag held out as well.

    A flag is of this model where it decided by it. Who is held out was not scored, so horizon and
    category are those of the flag's newest decision.
    """

    def __init__(self, model: str, *, now: int, retention: PurchaseRetention, most: int) -> None:
        self._model = model
        self._now = now
        self._kept_after = retention.taken_after(now)
        self._drawn = Drawn(most)
        self._strata: dict[Stratum, int] = {}
        self._categories: dict[str | None, int] = {}
        self._flags: dict[str | None, _Question] = {}
        self._not_joined = Counter[NotJoined]()
        self._of_flag: dict[str, Counter[NotJoined]] = {}
        self.read = 0

    def take(self, decision: LoggedDecision) -> None:
        """One more decision of the log."""
        self.read += 1
        scored, flag = decision.scored, decision.flag
        if scored is not None:
            if scored.model == self._model:
                self._take_scored(decision, scored)
        elif flag is not None:
            if not decision.held_out:
                self._count(flag, NotJoined.NO_PROPENSITY)
            elif decision.customer_id is None:
                self._count(flag, NotJoined.ERASED)
            else:
                stratum = Stratum(version=None, arm=None, flag=flag, acted=False, horizon_days=0)
                self._keep(decision, decision.customer_id, stratum, None, float("nan"))

    def customers(self) -> Iterator[Due]:
        """Each customer who was kept, with the decisions that are due; ask once all are taken."""
        for flag, counts in self._of_flag.items():
            if flag in self._flags:
                self._not_joined.update(counts)
        for stratum, place in self._strata.items():
            if not stratum.held_out or stratum.flag in self._flags:
                self._not_joined[NotJoined.NOT_SAMPLED] += self._drawn.left_out[place]
        horizon_us = np.array([each.horizon_days for each in self.strata], dtype=np.int64)
        names = list(self._categories)
        of_flag = [
            self._flags[each.flag].category if each.held_out and each.flag in self._flags else None
            for each in self._strata
        ]

        def category(row: tuple[int, int]) -> str | None:
            kind, number = row
            return names[number] or of_flag[kind]

        for mine in self._drawn.by_customer():
            yield self._due(mine, horizon_us * MICROS_PER_DAY, category)

    @property
    def customers_kept(self) -> int:
        """How many customers there are."""
        return self._drawn.customers

    @property
    def share(self) -> float:
        """The share of all customers who were kept."""
        return self._drawn.share

    @property
    def strata(self) -> Sequence[Stratum]:
        """The kinds of decisions; those of flags of other models look 0 days ahead."""
        return [
            replace(each, horizon_days=self._flags[each.flag].horizon_days)
            if each.held_out and each.flag in self._flags
            else each
            for each in self._strata
        ]

    @property
    def not_joined(self) -> Mapping[NotJoined, int]:
        """How many decisions have no outcome, by why; once the customers were asked for."""
        return dict(+self._not_joined)

    def _take_scored(self, decision: LoggedDecision, scored: Scored) -> None:
        as_of, flag = decision.as_of, decision.flag
        if flag is not None and (flag not in self._flags or as_of >= self._flags[flag].as_of):
            self._flags[flag] = _Question(as_of, scored.horizon_days, scored.category)
        stratum = Stratum(
            version=scored.version,
            arm=scored.arm,
            flag=flag,
            acted=decision.acted,
            horizon_days=scored.horizon_days,
        )
        why_not = self._why_not(as_of, scored.horizon_days)
        if decision.customer_id is None:
            self._not_joined[NotJoined.ERASED] += 1
        elif why_not is not None:
            self._not_joined[why_not] += 1
        else:
            self._keep(decision, decision.customer_id, stratum, scored.category, scored.probability)

    def _why_not(self, as_of: int, horizon_days: int) -> NotJoined | None:
        if as_of + horizon_days * MICROS_PER_DAY > self._now:
            return NotJoined.NOT_DUE
        return NotJoined.BEYOND_RETENTION if as_of < self._kept_after else None

    def _keep(
        self,
        decision: LoggedDecision,
        customer_id: str,
        stratum: Stratum,
        category: str | None,
        probability: float,
    ) -> None:
        self._drawn.take(
            customer_id,
            as_of=decision.as_of,
            kind=self._strata.setdefault(stratum, len(self._strata)),
            category=self._categories.setdefault(category, len(self._categories)),
            probability=probability,
        )

    def _count(self, flag: str, why: NotJoined) -> None:
        self._of_flag.setdefault(flag, Counter())[why] += 1

    def _due(
        self,
        mine: Mine,
        horizons_us: NDArray[np.int64],
        category_of: Callable[[tuple[int, int]], str | None],
    ) -> Due:
        horizon_us = horizons_us[mine.kind]
        ours = horizon_us > 0
        not_due = ours & (mine.as_of + horizon_us > self._now)
        gone = ours & ~not_due & (mine.as_of < self._kept_after)
        self._not_joined[NotJoined.NOT_DUE] += int(not_due.sum())
        self._not_joined[NotJoined.BEYOND_RETENTION] += int(gone.sum())
        rows = np.flatnonzero(ours & ~not_due & ~gone)
        return Due(
            customer_id=mine.customer_id,
            stratum=mine.kind[rows],
            as_of=mine.as_of[rows],
            horizon_us=horizon_us[rows],
            category=list(
                map(
                    category_of,
                    zip(mine.kind[rows].tolist(), mine.category[rows].tolist(), strict=True),
                )
            ),
            probability=mine.probability[rows],
        )
