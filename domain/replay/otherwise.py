"""What another version would have decided of logged decisions, and how often something else."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.decision_log import DecisionLog, LoggedDecision
from domain.decisions import Flag, Policy
from domain.errors import InvalidRequest
from domain.features import Histories
from domain.prediction import ServedModel
from domain.purchases import Purchase, PurchaseHistory
from domain.values.instant import MICROS_PER_HOUR

LOOKED_BACK_H = (1, 6, 24, 24 * 7)
"""Hours that are looked through for decisions, more of them where there are few."""
_AT_ONCE = 4
"""Reads: whoever only looks leaves the store to those who serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """Of `decisions` a version would act on `more` that were not acted on, and on `fewer` that were.

    `left_out` could not be decided again: purchases of then are not kept, or the flag is gone.
    """

    decisions: int
    more: int
    fewer: int
    left_out: int = 0

    @property
    def changed(self) -> float | None:
        """The share of 1 that would be decided otherwise; None: there are no decisions."""
        return (self.more + self.fewer) / self.decisions if self.decisions else None


def newest_decisions(
    log: DecisionLog, model: str, *, most: int, now: int
) -> Sequence[LoggedDecision]:
    """The newest decisions that a model made, at most so many, the oldest first; it blocks.

    They are of customers who were not erased since, and of the last seven days. `now` in
    microseconds since the epoch, UTC.

    Raises:
        StoreUnavailable: the log could not be read.
        CorruptRecord: a file of it is damaged.
    """
    found: deque[LoggedDecision] = deque(maxlen=most)
    for hours in LOOKED_BACK_H:
        found.clear()
        for decisions in log.between(now - hours * MICROS_PER_HOUR, now):
            found.extend(each for each in decisions if _is_of(each, model))
        if len(found) == most:
            break
    return list(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOtherwise:
    """Decides logged decisions again by another version of their model, from the purchases of then.

    Decisions of a flag are by its policy as it is now, others by `policy`.
    """

    history: PurchaseHistory
    flags: Mapping[str, Flag]
    policy: Policy

    async def __call__(
        self, decisions: Sequence[LoggedDecision], model: ServedModel, /
    ) -> Otherwise:
        """How many would be decided otherwise.

        Raises:
            StoreUnavailable: purchases could not be read.
            CorruptRecord: a stored purchase is none, or the version keeps no held-out customers.
        """
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(decision: LoggedDecision) -> Sequence[Purchase] | None:
            async with slots:
                return await self._purchases(decision, model)

        read = await asyncio.gather(*map(one, decisions))
        more = fewer = left_out = 0
        for decision, purchases in zip(decisions, read, strict=True):
            acts = None if purchases is None else self._acts(decision, purchases, model)
            left_out += acts is None
            more += acts is True and not decision.acted
            fewer += acts is False and decision.acted
        decided = len(decisions) - left_out
        return Otherwise(decisions=decided, more=more, fewer=fewer, left_out=left_out)

    async def _purchases(
        self, decision: LoggedDecision, model: ServedModel
    ) -> Sequence[Purchase] | None:
        after = model.features.reach.after(decision.as_of)
        try:
            return await self.history.between(
                decision.customer_id or "", after=after, until=decision.as_of
            )
        except InvalidRequest:  # before purchases are kept
            return None

    def _acts(
        self, decision: LoggedDecision, purchases: Sequence[Purchase], model: ServedModel
    ) -> bool | None:
        flag = None if decision.flag is None else self.flags.get(decision.flag)
        if decision.scored is None or (decision.flag is not None and flag is None):
            return None
        histories = Histories.of([list(purchases)])
        _, scores = model.scores(histories, decision.as_of, target=decision.scored.category)
        policy = self.policy if flag is None else flag.policy
        return policy.acts_on(float(scores[0]), model.above)


def _is_of(decision: LoggedDecision, model: str) -> bool:
    scored = decision.scored
    return scored is not None and scored.model == model and decision.customer_id is not None
