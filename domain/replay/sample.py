"""A fair sample of the logged decisions that a model made, in memory for the sample alone."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from domain.decision_log import DecisionLog, LoggedDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The sample in the order of the log, of how many decisions, and how many had no propensity."""

    decisions: tuple[LoggedDecision, ...]
    read: int
    not_scored: int


def sample(  # noqa: PLR0913  # what, how many, from when until when
    log: DecisionLog,
    *,
    most: int,
    start: int,
    end: int,
    seed: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Sampled:
    """At most so many decisions with a propensity, start <= as_of < end; each as likely as any.

    Instants in microseconds since the epoch, UTC. The same log and seed give the same sample.
    `on_progress` is told which instant was reached. Source: Vitter, algorithm R (1985).

    Raises:
        StoreUnavailable: the log could not be read.
        CorruptRecord: a file of it is damaged.
    """
    lots = random.Random(seed)  # noqa: S311  # a sample, and no secret
    kept: list[tuple[int, LoggedDecision]] = []
    read = scored = 0
    for decisions in log.between(start, end):
        for decision in decisions:
            read += 1
            if decision.scored is None:
                continue
            scored += 1
            if len(kept) < most:
                kept.append((scored, decision))
            elif (place := lots.randrange(scored)) < most:
                kept[place] = (scored, decision)
        if decisions:
            on_progress(decisions[-1].as_of)
    chosen = tuple(decision for _, decision in sorted(kept, key=lambda each: each[0]))
    return Sampled(decisions=chosen, read=read, not_scored=read - scored)
