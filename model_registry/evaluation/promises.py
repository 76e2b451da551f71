"""Promises: whether a version came as true as it was promised at training.

Of each version and arm three things are judged: AUC, log loss, and the bias. Each is worse than
promised beyond chance where the difference is too large for its standard error. That one holds the
uncertainty of the promise, too. All that is judged at once is judged with 5 % in all (Holm). Source: Holm,
Scand. J. Stat. 6 (1979) 65-70.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np

from domain.outcomes import Outcomes, Stratum
from domain.prediction import Arm
from model_registry.evaluation.metrics import LEVEL, Interval, mean_interval
from model_registry.evaluation.performance import Performance, Share, Z, performance, share_of
from model_registry.versions import HeldOut, Manifest

ALPHA = 1.0 - LEVEL
MATTERS = 0.001
"""A smaller difference is none, however many customers make it certain."""
_MORE_IS_BETTER = {"auc": True, "log_loss": False}
BIAS = "bias"
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Promised:
    """A metric as it was at training, and its standard error; None: it is not known."""

    value: float
    error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A metric beside its promise.

    `chance` is how likely a difference as bad as this is, if the promise holds; 1 where it is none
    to speak of. `worse`: that is too unlikely. `as_if_true`: these customers would give about the same if every probability were
    true, so it is they who differ from those at training.
    """

    metric: str
    promised: Promised
    value: float
    chance: float
    as_if_true: bool
    worse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOutcome:
    """What came of a version's answers as one arm; `judged` is empty where too few bought.

    `by_action` has those on whom the policy acted, and the others: True and False.
    """

    version: int
    arm: Arm
    horizon_days: int
    promised: Mapping[str, Promised]
    all: Performance
    by_action: Mapping[bool, Performance]
    judged: Sequence[Judged] = ()

    @property
    def worse(self) -> Sequence[str]:
        """The metrics that are worse than promised beyond chance."""
        return [each.metric for each in self.judged if each.worse]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOutcome:
    """Customers whom a flag held out, and those whom it decided about, acted on or not.

    `difference` is how much more of the latter bought: what the flag brings. None: there are none of one.
    """

    flag: str
    held_out: Share | None
    decided: Share | None
    difference: float | None = None
    interval: Interval | None = None


def promised_by(manifest: Manifest, held_out: HeldOut | None) -> Mapping[str, Promised]:
    """What a version promised of each judged metric, as far as it is known."""
    found = {
        name: Promised(manifest.metrics[name], _error(manifest.intervals.get(name)))
        for name in _MORE_IS_BETTER
        if name in manifest.metrics
    }
    if held_out is not None:
        surplus = held_out.probabilities - held_out.labels
        rows = np.arange(len(surplus)) if held_out.customer is None else held_out.customer
        interval = mean_interval(surplus, group=rows)
        return {**found, BIAS: Promised(float(surplus.mean()), _error(interval))}
    rows_in_all = sum(each.count for each in manifest.calibration)
    if rows_in_all:
        surplus_in_all = sum(
            each.count * (each.mean_probability - each.observed_rate)
            for each in manifest.calibration
        )
        found[BIAS] = Promised(surplus_in_all / rows_in_all, None)
    return found


def promised_interval(promised: Promised) -> Interval | None:
    """Where the promise lies with 95 %; None: nobody knows."""
    if promised.error is None:
        return None
    return promised.value - Z * promised.error, promised.value + Z * promised.error


def came_true(
    outcomes: Outcomes, promised: Callable[[int], Mapping[str, Promised]]
) -> Sequence[ArmOutcome]:
    """What came of each version and arm, the oldest version first, judged all at once."""
    arms = sorted(
        {(s.version, s.arm, s.horizon_days) for s in outcomes.strata if s.version and s.arm}
    )
    found = [_arm(outcomes, *each, promised(each[0])) for each in arms]
    return judged([each for each in found if each is not None])


def _arm(
    outcomes: Outcomes, version: int, arm: Arm, horizon_days: int, promised: Mapping[str, Promised]
) -> ArmOutcome | None:
    """None: none of its decisions is due."""

    def part(acted: Sequence[bool]) -> Performance | None:
        return _performance(
            outcomes, lambda s: (s.version, s.arm) == (version, arm) and s.acted in acted
        )

    whole = part((True, False))
    if whole is None:
        return None
    parts = {acted: part((acted,)) for acted in (True, False)}
    return ArmOutcome(
        version=version,
        arm=arm,
        horizon_days=horizon_days,
        promised=promised,
        all=whole,
        by_action={acted: each for acted, each in parts.items() if each is not None},
    )


def judged(arms: Sequence[ArmOutcome]) -> Sequence[ArmOutcome]:
    """Each with its verdicts; the more there are, the stricter each is."""
    open_ = [(place, each) for place, arm in enumerate(arms) for each in _compared(arm)]
    verdicts: list[list[Judged]] = [[] for _ in arms]
    worse = True
    for rank, (place, each) in enumerate(sorted(open_, key=lambda pair: pair[1].chance)):
        worse = worse and each.chance <= ALPHA / (len(open_) - rank)
        verdicts[place].append(replace(each, worse=worse))
    order = [*_MORE_IS_BETTER, BIAS].index
    return [
        replace(arm, judged=tuple(sorted(mine, key=lambda each: order(each.metric))))
        for arm, mine in zip(arms, verdicts, strict=True)
    ]


def flags_in(outcomes: Outcomes) -> Sequence[FlagOutcome]:
    """What came of each flag of the model: of those held out, beside those decided about."""
    flags = sorted({s.flag for s in outcomes.strata if s.flag and not s.held_out})
    return [_flag(outcomes, flag) for flag in flags]


def _flag(outcomes: Outcomes, flag: str) -> FlagOutcome:
    held_out = _share(outcomes, lambda s: s.flag == flag and s.held_out)
    decided = _share(outcomes, lambda s: s.flag == flag and not s.held_out)
    if held_out is None or decided is None:
        return FlagOutcome(flag=flag, held_out=held_out, decided=decided)
    more = decided.value - held_out.value
    half = Z * sqrt(decided.error**2 + held_out.error**2)
    return FlagOutcome(
        flag=flag,
        held_out=held_out,
        decided=decided,
        difference=more,
        interval=(more - half, more + half),
    )


def _compared(arm: ArmOutcome) -> Iterator[Judged]:
    """Each metric beside its promise, not yet judged; none where too few bought."""
    performance = arm.all
    if not performance.metrics:
        return
    for name, promised in arm.promised.items():
        if name == BIAS:
            yield _bias(performance, promised)
        else:
            yield _metric(name, performance, promised)


def _metric(name: str, performance: Performance, promised: Promised) -> Judged:
    value, interval = performance.metrics[name], performance.intervals[name]
    sign = 1.0 if _MORE_IS_BETTER[name] else -1.0
    low, high = interval
    as_if_true = performance.if_true[name] <= high if sign > 0 else performance.if_true[name] >= low
    return Judged(
        metric=name,
        promised=promised,
        value=value,
        chance=_tail(sign * (promised.value - value), interval, promised),
        as_if_true=as_if_true,
    )


def _bias(performance: Performance, promised: Promised) -> Judged:
    """Too high is as bad as too low: both tails count."""
    excess = abs(performance.bias) - abs(promised.value)
    return Judged(
        metric=BIAS,
        promised=promised,
        value=performance.bias,
        chance=min(2.0 * _tail(excess, performance.bias_interval, promised), 1.0),
        as_if_true=False,
    )


def _tail(worse_by: float, interval: Interval, promised: Promised) -> float:
    """How likely a difference is that is as large as this."""
    error = sqrt((_error(interval) or 0.0) ** 2 + (promised.error or 0.0) ** 2)
    if worse_by < MATTERS:
        return 1.0
    if error == 0.0:
        return 0.0
    return 1.0 - _NORMAL.cdf(worse_by / error)


def _error(interval: Interval | None) -> float | None:
    """The standard error of what lies in an interval of 95 %."""
    return None if interval is None else (interval[1] - interval[0]) / (2.0 * Z)


def _performance(outcomes: Outcomes, chosen: Callable[[Stratum], bool]) -> Performance | None:
    rows = outcomes.of(chosen)
    if not rows.any():
        return None
    return performance(outcomes.probability[rows], outcomes.bought[rows], outcomes.customer[rows])


def _share(outcomes: Outcomes, chosen: Callable[[Stratum], bool]) -> Share | None:
    rows = outcomes.of(chosen)
    return share_of(outcomes.bought[rows], outcomes.customer[rows]) if rows.any() else None
