"""Join logged decisions of a model with what was bought within the horizon after each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from domain.decision_log import DecisionLog
from domain.features import Histories
from domain.outcomes.asked import Asked, Due
from domain.outcomes.outcomes import Outcomes
from domain.purchases import PurchaseHistory
from domain.retention import PurchaseRetention
from domain.training import bought_within
from domain.values import Clock

MOST_DECISIONS = 1_000_000
"""Kept in memory at once, at 40 bytes each; of more, half of the customers are left out."""
_CUSTOMERS_AT_ONCE = 32


def _nobody(_done: int, _of: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Columns of `Outcomes`."""

    stratum: NDArray[np.int64]
    customer: NDArray[np.int64]
    as_of: NDArray[np.int64]
    probability: NDArray[np.float64]
    bought: NDArray[np.bool_]


_NO_ROWS = _Rows(
    stratum=np.empty(0, dtype=np.int64),
    customer=np.empty(0, dtype=np.int64),
    as_of=np.empty(0, dtype=np.int64),
    probability=np.empty(0),
    bought=np.empty(0, dtype=np.bool_),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOutcomes:
    """Reads the log once, then each customer's purchases once."""

    log: DecisionLog
    history: PurchaseHistory
    retention: PurchaseRetention
    clock: Clock
    most: int = MOST_DECISIONS

    async def __call__(
        self,
        model: str,
        *,
        start: int,
        end: int,
        on_read: Callable[[int], None] = lambda _: None,
        on_joined: Callable[[int, int], None] = _nobody,
    ) -> Outcomes:
        """The outcomes of this model's decisions with start <= as_of < end.

        Bought is what training labels so: within (as_of, as_of + horizon], in the category asked
        about if there is one, not given back by the end. `on_read` is told which instant of the
        log was reached, `on_joined` how many customers of how many were read. Instants in
        microseconds since the epoch, UTC.

        Raises:
            StoreUnavailable: the log or a history could not be read.
            CorruptRecord: a file of the log is damaged, or a stored purchase is none.
        """
        asked = Asked(model, now=self.clock(), retention=self.retention, most=self.most)
        for decisions in self.log.between(start, end):
            for decision in decisions:
                asked.take(decision)
            if decisions:
                on_read(decisions[-1].as_of)
        rows = [part async for part in self._rows(asked, on_joined)]
        return _together(asked, rows)

    async def _rows(
        self, asked: Asked, on_joined: Callable[[int, int], None]
    ) -> AsyncIterator[_Rows]:
        """Some customers at a time; who they are is forgotten."""
        customers, done = asked.customers(), 0
        while some := list(islice(customers, _CUSTOMERS_AT_ONCE)):
            due = [each for each in some if len(each.as_of)]
            if due:
                bought = await asyncio.gather(*map(self._labels, due))
                numbers = np.arange(done, done + len(due))
                yield _Rows(
                    stratum=np.concatenate([each.stratum for each in due]),
                    customer=np.repeat(numbers, [len(each.as_of) for each in due]),
                    as_of=np.concatenate([each.as_of for each in due]),
                    probability=np.concatenate([each.probability for each in due]),
                    bought=np.concatenate(bought),
                )
            done += len(some)
            on_joined(done, asked.customers_kept)

    async def _labels(self, due: Due) -> NDArray[np.bool_]:
        """Whether the customer bought after each decision. Shape: (n,) bool."""
        purchases = await self.history.between(
            due.customer_id,
            after=int(due.as_of.min()),
            until=int((due.as_of + due.horizon_us).max()),
        )
        histories = Histories.of([purchases])
        codes = {name: code for code, name in enumerate(histories.categories)}
        known: dict[tuple[int, int, str | None], bool] = {}
        questions = list(
            zip(due.as_of.tolist(), due.horizon_us.tolist(), due.category, strict=True)
        )
        for question in set(questions):
            as_of, horizon_us, category = question
            within = bought_within(histories, as_of, horizon_us=horizon_us)
            if category is not None:
                within &= histories.category == codes.get(category, -1)
            known[question] = bool(within.any())
        return np.array([known[question] for question in questions], dtype=np.bool_)


def _together(asked: Asked, rows: Sequence[_Rows]) -> Outcomes:
    rows = [_NO_ROWS, *rows]
    return Outcomes(
        strata=asked.strata,
        stratum=np.concatenate([each.stratum for each in rows]),
        customer=np.concatenate([each.customer for each in rows]),
        as_of=np.concatenate([each.as_of for each in rows]),
        probability=np.concatenate([each.probability for each in rows]),
        bought=np.concatenate([each.bought for each in rows]),
        read=asked.read,
        not_joined=asked.not_joined,
        sampled=asked.share,
    )
