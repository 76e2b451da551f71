"""Join logged decisions of a model with what was bought within the horizon after each."""

import asyncio
from collections.abc import AsyncIterator, Callable
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

MOST_DECISIONS = 2_000_000
"""Kept in memory at once, at 40 bytes each; of more, half of the customers are left out."""
_CUSTOMERS_AT_ONCE = 32


def _nobody(_done: int, _of: int) -> None:
    """Nobody is told."""


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
        parts = [part async for part in self._bought(asked, on_joined)]
        return _together(asked, parts)

    async def _bought(
        self, asked: Asked, on_joined: Callable[[int, int], None]
    ) -> AsyncIterator[tuple[Due, NDArray[np.bool_]]]:
        customers, done = asked.customers(), 0
        while some := list(islice(customers, _CUSTOMERS_AT_ONCE)):
            due = [each for each in some if len(each.as_of)]
            for part in zip(due, await asyncio.gather(*map(self._labels, due)), strict=True):
                yield part
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


def _together(asked: Asked, parts: list[tuple[Due, NDArray[np.bool_]]]) -> Outcomes:
    sizes = [len(bought) for _, bought in parts]

    def joined(columns: "list[NDArray[np.int64]]") -> NDArray[np.int64]:
        return np.concatenate([np.empty(0, dtype=np.int64), *columns])

    return Outcomes(
        strata=asked.strata,
        stratum=joined([due.stratum for due, _ in parts]),
        customer=np.repeat(np.arange(len(parts)), sizes),
        as_of=joined([due.as_of for due, _ in parts]),
        probability=np.concatenate([np.empty(0), *(due.probability for due, _ in parts)]),
        bought=np.concatenate([np.empty(0, dtype=np.bool_), *(bought for _, bought in parts)]),
        read=asked.read,
        not_joined=asked.not_joined,
        sampled=asked.share,
    )
