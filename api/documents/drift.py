"""What travels about drift, over HTTP and from the command line alike."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from domain.drift import SCORE, Measure, Measured
from model_registry.serving import VersionDrift
from model_registry.serving.asked import rendered

_WORDS = ((0.1, "little"), (0.25, "moderate"))
"""Of the population stability index. Source: Siddiqi, Credit Risk Scorecards (2006)."""
Day = Annotated[str, Meta(description="Of UTC, such as 2026-11-29.")]


class MeasureReport(Struct, frozen=True, kw_only=True):
    """One measure, and what chance alone does not pass."""

    value: float
    threshold: float
    drifted: Annotated[bool, Meta(description="Whether the value is above the threshold.")]

    @classmethod
    def of(cls, measured: Measured) -> "MeasureReport":
        """The measure as it travels."""
        return cls(value=measured.value, threshold=measured.threshold, drifted=measured.drifted)


class InputDrift(Struct, frozen=True, kw_only=True):
    """One input of a version: a feature by its name, or the score."""

    input: str
    drifted: bool
    population_stability: MeasureReport
    jensen_shannon_distance: Annotated[MeasureReport, Meta(description="To base 2: at most 1.")]
    missing: Annotated[
        MeasureReport,
        Meta(description="Of the share of missing values; of the score: empty histories."),
    ]
    missing_then: Annotated[float, Meta(description="Their share in what was compared with.")]
    missing_now: float

    @property
    def words(self) -> str:
        """The usual words for the index, whatever the number of customers."""
        value = self.population_stability.value
        return next((word for most, word in _WORDS if value < most), "large")


class DriftReport(Struct, frozen=True, kw_only=True):
    """Whether the customers asked about on a day are like those of training, or of another day."""

    version: int
    state: Annotated[str, Meta(description="none, drift, not enough, or unknown.")]
    why_not: Annotated[str, Meta(description="Why nothing could be compared; else empty.")]
    day: Day
    against: Annotated[str | None, Meta(description="The day compared with; null: training.")]
    processes: int
    customers: Annotated[int, Meta(description="Counted, in each process once.")]
    independent_customers: Annotated[
        float, Meta(description="As how many they count at least, were some asked in several.")
    ]
    inputs: list[InputDrift]

    @classmethod
    def of(cls, drift: VersionDrift) -> "DriftReport":
        """What was found, as it travels."""
        return cls(
            version=drift.version,
            state=str(drift.state),
            why_not=drift.why_not,
            day=rendered(drift.day),
            against=None if drift.against is None else rendered(drift.against),
            processes=drift.processes,
            customers=drift.customers,
            independent_customers=drift.independent,
            inputs=_inputs(drift),
        )

    @property
    def summary(self) -> str:
        """One line: whether there is drift, and in which inputs."""
        if self.why_not:
            return f"drift of version {self.version}, {self.day}: {self.state}: {self.why_not}"
        return (
            f"drift of version {self.version}, {self.day}: {_where(self.inputs)} "
            f"({self.customers:,} customers)"
        )


def _where(inputs: Sequence[InputDrift]) -> str:
    """In which inputs, each name once for its values and once where more or fewer are missing."""
    values = [
        each.input
        for each in inputs
        if each.population_stability.drifted or each.jensen_shannon_distance.drifted
    ]
    missing = [each.input for each in inputs if each.missing.drifted and each.input != SCORE]
    empty = any(each.missing.drifted and each.input == SCORE for each in inputs)
    parts = [f"in {', '.join(values)}"] * bool(values)
    parts += [f"in the missing values of {', '.join(missing)}"] * bool(missing)
    parts += ["in empty histories"] * empty
    return "; ".join(parts) or "none"


def _inputs(drift: VersionDrift) -> list[InputDrift]:
    if drift.comparison is None:
        return []
    comparison = drift.comparison
    found: dict[str, dict[Measure, Measured]] = {}
    for each in comparison.measured:
        found.setdefault(each.input, {})[each.measure] = each
    shares: Sequence[tuple[float, float]] = list(
        zip(comparison.missing_then, comparison.missing_now, strict=True)
    )
    return [
        InputDrift(
            input=name,
            drifted=any(each.drifted for each in measures.values()),
            population_stability=MeasureReport.of(measures[Measure.POPULATION_STABILITY]),
            jensen_shannon_distance=MeasureReport.of(measures[Measure.JENSEN_SHANNON]),
            missing=MeasureReport.of(measures[Measure.MISSING]),
            missing_then=then,
            missing_now=now,
        )
        for (name, measures), (then, now) in zip(found.items(), shares, strict=True)
    ]
