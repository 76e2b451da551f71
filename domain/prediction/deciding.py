"""Decide flags for one customer, in time: a late answer is worse than the default."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.decisions import Flag, FlagValue
from domain.errors import CorruptRecord, InvalidRequest, Unavailable, UnknownFlag
from domain.prediction.predict import PredictPropensity
from domain.prediction.propensity import Prediction
from domain.purchases import customer_id_of


class Because(StrEnum):
    """Why a variant was chosen. Source: OpenFeature, types, resolution reason."""

    TARGETING_MATCH = "TARGETING_MATCH"
    DEFAULT = "DEFAULT"
    SPLIT = "SPLIT"
    ERROR = "ERROR"


class Cause(StrEnum):
    """What kept a flag from being decided by propensity."""

    ANONYMOUS = "anonymous"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105  # the cause's name
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagDecision:
    """The variant of one flag for one customer; with a `cause`, the propensity was not asked.

    `prediction` is what the variant rests on, if it rests on one.
    """

    key: str
    variant: str
    value: FlagValue
    reason: Because
    cause: Cause | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideFlags:
    """Decides flags by one prediction for each model and category that they name.

    Once `deadline_s` seconds are over, by their defaults.
    """

    predict: PredictPropensity
    flags: Mapping[str, Flag]
    deadline_s: float

    def named(self, key: str) -> Flag:
        """The flag of this key.

        Raises:
            UnknownFlag: none is declared.
        """
        if key not in self.flags:
            raise UnknownFlag(f"no flag {key!r} is declared")
        return self.flags[key]

    async def __call__(self, customer_id: str, flags: Sequence[Flag], /) -> list[FlagDecision]:
        """One decision for each flag, in order; whatever fails, every flag has one.

        Raises:
            InvalidRequest: the customer id breaks a rule.
        """
        customer_id = customer_id_of(customer_id)
        decided = {flag.key: _held_out(flag) for flag in flags if flag.holds_out(customer_id)}
        left = [flag for flag in flags if flag.key not in decided]
        asked = list(dict.fromkeys((flag.model, flag.category) for flag in left))
        found = await asyncio.gather(*(self._predicted(customer_id, *each) for each in asked))
        outcomes = dict(zip(asked, found, strict=True))
        for flag in left:
            decided[flag.key] = _by(flag, outcomes[flag.model, flag.category])
        return [decided[flag.key] for flag in flags]

    async def _predicted(
        self, customer_id: str, model: str | None, category: str | None
    ) -> Prediction | Cause:
        try:
            async with asyncio.timeout(self.deadline_s):
                return await self.predict(customer_id, model=model, category=category)
        except TimeoutError:
            return Cause.TIMEOUT
        except (Unavailable, CorruptRecord, InvalidRequest):  # the flag's model, not the customer
            return Cause.UNAVAILABLE


def undecided(flag: Flag, cause: Cause) -> FlagDecision:
    """The flag's default, and what kept it from being decided."""
    failed = cause in {Cause.TIMEOUT, Cause.UNAVAILABLE}
    return FlagDecision(
        key=flag.key,
        variant=flag.default,
        value=flag.variants[flag.default],
        reason=Because.ERROR if failed else Because.DEFAULT,
        cause=cause,
    )


def _held_out(flag: Flag) -> FlagDecision:
    return _chosen(flag, flag.default, Because.SPLIT)


def _by(flag: Flag, outcome: Prediction | Cause) -> FlagDecision:
    if isinstance(outcome, Cause):
        return undecided(flag, outcome)
    try:
        acts = flag.policy.acts_on(outcome.probability, outcome.model.above)
    except CorruptRecord:
        return undecided(flag, Cause.UNAVAILABLE)
    if acts:
        return _chosen(flag, flag.act, Because.TARGETING_MATCH, outcome)
    return _chosen(flag, flag.default, Because.DEFAULT, outcome)


def _chosen(
    flag: Flag, variant: str, reason: Because, prediction: Prediction | None = None
) -> FlagDecision:
    return FlagDecision(
        key=flag.key,
        variant=variant,
        value=flag.variants[variant],
        reason=reason,
        prediction=prediction,
    )
