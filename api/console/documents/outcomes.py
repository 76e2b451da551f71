"""Whether a model came as true as it was promised: what its customers bought since."""

from collections.abc import Sequence

from msgspec import Struct

from api.console.documents.comparing import KeptWord
from domain.outcomes import Outcomes
from model_registry.evaluation import ArmOutcome, FlagOutcome, Judged, came_true, flags_in
from model_registry.promise import promise_of
from model_registry.registry import Registry


class Promise(Struct, frozen=True, kw_only=True):
    """One metric as promised at training, and as it came. `worse`: beyond chance."""

    metric: str
    promised: float
    came: float
    worse: bool
    other_customers: bool


class ArmCame(Struct, frozen=True, kw_only=True):
    """What came of a version's answers as one arm. Shares are of 1; `low` to `high` is the interval of 95 %."""

    version: int
    arm: str
    horizon_days: int
    decisions: int
    customers: int
    predicted: float
    bought: float
    low: float
    high: float
    promises: list[Promise]
    bins: list[KeptWord]

    @property
    def worse(self) -> list[str]:
        """The metrics that are worse than promised beyond chance."""
        return [each.metric for each in self.promises if each.worse]


class FlagCame(Struct, frozen=True, kw_only=True):
    """How much more of those bought whom a flag decided about than of those held out, of 1."""

    flag: str
    held_out: int
    difference: float | None
    low: float | None
    high: float | None


class OutcomesReport(Struct, frozen=True, kw_only=True):
    """What came of the decisions of a model, whose horizon has passed: `due` of them."""

    model: str
    due: int
    not_joined: dict[str, int]
    sampled: float
    arms: list[ArmCame]
    flags: list[FlagCame]

    @property
    def worse(self) -> list[ArmCame]:
        """The arms that are worse than promised."""
        return [each for each in self.arms if each.worse]


class OutcomesPage(Struct, frozen=True, kw_only=True):
    """What is known of a model's outcomes.

    `logged` says whether decisions are kept at all. Without a `report`, `problem` says why, or it is
    being made. `at` is when it was made, microseconds since the epoch, UTC.
    """

    model: str
    logged: bool
    at: int | None = None
    problem: str = ""
    report: OutcomesReport | None = None


def outcomes_report(registry: Registry, model: str, found: Outcomes) -> OutcomesReport:
    """What came of these decisions, judged against what each version promised.

    Raises:
        StoreUnavailable: the registry could not be read.
    """
    arms = came_true(found, lambda version: promise_of(registry, model, version))
    return OutcomesReport(
        model=model,
        due=len(found),
        not_joined={str(why): count for why, count in found.not_joined.items()},
        sampled=found.sampled,
        arms=[_arm(each) for each in arms],
        flags=[_flag(each) for each in flags_in(found)],
    )


def _arm(arm: ArmOutcome) -> ArmCame:
    share = arm.all.share
    return ArmCame(
        version=arm.version,
        arm=str(arm.arm),
        horizon_days=arm.horizon_days,
        decisions=share.decisions,
        customers=share.customers,
        predicted=arm.all.mean_probability,
        bought=share.value,
        low=share.interval[0],
        high=share.interval[1],
        promises=_promises(arm.judged),
        bins=[
            KeptWord(
                rows=each.share.decisions,
                predicted=each.mean_probability,
                bought=each.share.value,
                low=each.share.interval[0],
                high=each.share.interval[1],
            )
            for each in arm.all.calibration
        ],
    )


def _promises(judged: Sequence[Judged]) -> list[Promise]:
    return [
        Promise(
            metric=each.metric,
            promised=each.promised.value,
            came=each.value,
            worse=each.worse,
            other_customers=each.as_if_true,
        )
        for each in judged
    ]


def _flag(flag: FlagOutcome) -> FlagCame:
    low, high = flag.interval or (None, None)
    return FlagCame(
        flag=flag.flag,
        held_out=0 if flag.held_out is None else flag.held_out.customers,
        difference=flag.difference,
        low=low,
        high=high,
    )
