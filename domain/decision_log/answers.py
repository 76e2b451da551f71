"""Which answers are logged, and as what: decided by each answer's own id, never by the customer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from domain.decision_log.logged import LoggedDecision, Scored
from domain.decisions import Flag
from domain.prediction import Because, FlagDecision, Prediction
from domain.values import BUCKETS, Clock

RANDOM_BITS = 62
_VERSION, _VARIANT = 7 << 76, 2 << RANDOM_BITS
_MICROS_PER_MILLI = 1_000
_STEPS = 4_096
"""Into so many a millisecond is divided within an id. Source: RFC 9562, 6.2, method 3."""


class Answer(NamedTuple):
    """One answer as it waits to be written; it holds what the answer was made of, uncopied."""

    decision_id: str
    as_of: int
    route: str
    customer_id: str
    flag: str | None
    variant: str | None
    acted: bool
    held_out: bool
    prediction: Prediction | None

    def logged(self) -> LoggedDecision:
        """The answer as the log gives it back."""
        return LoggedDecision(
            decision_id=self.decision_id,
            as_of=self.as_of,
            route=self.route,
            customer_id=self.customer_id,
            flag=self.flag,
            variant=self.variant,
            acted=self.acted,
            held_out=self.held_out,
            scored=None if self.prediction is None else _scored(self.prediction),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDecisions:
    """Logs a share of the answers, each drawn for itself.

    `propensity` and `flags` of 10,000 answers are logged; a flag's own share goes before that of
    all flags. `keep` takes an answer, or says that there is no place for it; it neither waits nor
    raises. `random` gives so many random bits.
    """

    keep: Callable[[Answer], bool]
    clock: Clock
    random: Callable[[int], int]
    propensity: int
    flags: int

    def of_propensity(self, prediction: Prediction, /, *, route: str) -> str | None:
        """The id under which the answer is logged; None: it is not."""
        decision_id = self._drawn(prediction.as_of, self.propensity)
        if decision_id is None:
            return None
        return self._kept(
            Answer(
                decision_id,
                prediction.as_of,
                route,
                prediction.customer_id,
                None,
                None,
                prediction.decision.show,
                False,  # noqa: FBT003  # a tuple: fields have an order, and no cost
                prediction,
            )
        )

    def of_flag(
        self, customer_id: str, flag: Flag, decision: FlagDecision, /, *, route: str
    ) -> str | None:
        """The id under which a flag's answer is logged; None: it is not."""
        prediction = decision.prediction
        as_of = self.clock() if prediction is None else prediction.as_of
        decision_id = self._drawn(as_of, self.flags if flag.log is None else flag.log)
        if decision_id is None:
            return None
        return self._kept(
            Answer(
                decision_id,
                as_of,
                route,
                customer_id,
                flag.key,
                decision.variant,
                decision.reason is Because.TARGETING_MATCH,
                decision.reason is Because.SPLIT,
                prediction,
            )
        )

    def _drawn(self, as_of: int, share: int) -> str | None:
        if not share:
            return None
        bits = self.random(RANDOM_BITS)
        return decision_id_of(as_of, bits) if bits % BUCKETS < share else None

    def _kept(self, answer: Answer) -> str | None:
        return answer.decision_id if self.keep(answer) else None


def decision_id_of(as_of: int, bits: int) -> str:
    """The id of a decision at that instant, UUID version 7, with so many random bits.

    It tells the instant to the microsecond. Source: RFC 9562, 5.7.
    """
    millis, micros = divmod(as_of, _MICROS_PER_MILLI)
    step = micros * _STEPS // _MICROS_PER_MILLI
    text = f"{millis << 80 | _VERSION | step << 64 | _VARIANT | bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def instant_of(decision_id: str) -> int | None:
    """The instant of a decision, in microseconds since the epoch, UTC; None: that is no such id."""
    digits = decision_id.replace("-", "")
    try:
        number = int(digits, 16)
    except ValueError:
        return None
    if decision_id != f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}":
        return None
    step = number >> 64 & (_STEPS - 1)
    micros = -(-step * _MICROS_PER_MILLI // _STEPS)
    as_of = (number >> 80) * _MICROS_PER_MILLI + micros
    return as_of if decision_id_of(as_of, number & (1 << RANDOM_BITS) - 1) == decision_id else None


def _scored(prediction: Prediction) -> Scored:
    model = prediction.model
    return Scored(
        model=model.name,
        version=model.version,
        revision=model.revision,
        arm=model.arm,
        horizon_days=model.horizon_days,
        category=prediction.category,
        features=tuple(prediction.features.values()),
        probability=prediction.probability,
    )
