"""Logged decisions in memory."""

from collections.abc import Iterable, Iterator, Sequence

from domain.decision_log import LoggedDecision, Scored, instant_of
from domain.errors import InvalidRequest
from domain.prediction import Arm
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW


class MemoryDecisionLog:
    """A `DecisionLog` in a list; each hour is a file."""

    def __init__(self, decisions: Iterable[LoggedDecision] = ()) -> None:
        self.decisions = list(decisions)

    def between(self, start: int, end: int, /) -> Iterator[Sequence[LoggedDecision]]:
        """Decisions with start <= as_of < end, hour by hour; see the port."""
        hours: dict[int, list[LoggedDecision]] = {}
        for each in sorted(self.decisions, key=lambda each: each.as_of):
            if start <= each.as_of < end:
                hours.setdefault(each.as_of // MICROS_PER_HOUR, []).append(each)
        yield from hours.values()

    def find(self, decision_id: str, /) -> LoggedDecision | None:
        """The decision of that id, if it is there; see the port."""
        if instant_of(decision_id) is None:
            raise InvalidRequest("decision", f"{decision_id!r} is no id of a decision")
        return next((each for each in self.decisions if each.decision_id == decision_id), None)


def a_scored(  # noqa: PLR0913  # what a test is about
    probability: float = 0.5,
    *,
    features: Sequence[float] = (0.0,),
    model: str = "propensity",
    version: int = 1,
    arm: Arm = Arm.CHAMPION,
    horizon_days: int = 30,
    category: str | None = None,
) -> Scored:
    """What a version said."""
    return Scored(
        model=model,
        version=version,
        revision=1,
        arm=arm,
        horizon_days=horizon_days,
        category=category,
        features=tuple(features),
        probability=probability,
    )


def a_decision(  # noqa: PLR0913  # as above
    scored: Scored | None = None,
    *,
    decision_id: str = "01890a5d-ac96-774b-bcce-b302099a8057",
    customer_id: str | None = "customer-1",
    as_of: int = NOW,
    flag: str | None = None,
    acted: bool = False,
    held_out: bool = False,
) -> LoggedDecision:
    """One answer."""
    return LoggedDecision(
        decision_id=decision_id,
        as_of=as_of,
        route="/v1/customers/{customer_id}/propensity",
        customer_id=customer_id,
        flag=flag,
        variant=None,
        acted=acted,
        held_out=held_out,
        scored=scored,
    )
