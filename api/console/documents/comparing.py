"""One version beside another: what each promises, and what changed from one to the other."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from api.console.documents.models import Figure
from domain.errors import Conflict, CorruptRecord, NotFound
from model_registry.evaluation import (
    METRICS,
    Comparison,
    compare,
    gain_curve,
    held_out_of,
    observed_bins,
    roc_curve,
)
from model_registry.registry import Registry
from model_registry.versions import Manifest


class KeptWord(Struct, frozen=True, kw_only=True):
    """Held-out rows of similar probability: the mean of what was predicted, and what share bought.

    `low` and `high` are the ends of its interval of 95 %, in which a customer counts once.
    """

    rows: int
    predicted: float
    bought: float
    low: float
    high: float


class Curves(Struct, frozen=True, kw_only=True):
    """What a version did on its held-out customers; without any, `trouble` says why."""

    version: int
    bins: list[KeptWord] = []
    gain: Annotated[
        list[tuple[float, float]],
        Meta(description="Shares of 1 of rows, the likeliest first, and of buyers among them."),
    ] = []
    roc: Annotated[
        list[tuple[float, float]],
        Meta(description="Shares of 1 of others, and of buyers, above each threshold."),
    ] = []
    auc: float | None = None
    trouble: str = ""


class CurvesPage(Struct, frozen=True, kw_only=True):
    """The curves of some versions of a model."""

    model: str
    versions: list[Curves]


class FeatureLine(Struct, frozen=True, kw_only=True):
    """One feature, and its coefficient in each version. Null: the version is without, or does not say."""

    name: str
    chosen: bool
    beside: bool
    coefficient: float | None
    coefficient_beside: float | None


class MetricLine(Struct, frozen=True, kw_only=True):
    """One metric of both versions, and the first less the second on the same customers."""

    metric: str
    chosen: Figure | None
    beside: Figure | None
    difference: Figure | None
    better: Annotated[
        int | None, Meta(description="The version that is certainly better, if one is.")
    ]


class Compared(Struct, frozen=True, kw_only=True):
    """Metrics of two versions; `incomparable` says why there are no differences."""

    version: int
    beside: int
    customers: int
    metrics: list[MetricLine]
    incomparable: str | None


def curves(registry: Registry, manifest: Manifest) -> Curves:
    """Both curves of a version.

    Raises:
        StoreUnavailable: a blob could not be read.
    """
    try:
        held_out = held_out_of(manifest, registry.blob)
    except (NotFound, Conflict, CorruptRecord) as exc:
        return Curves(version=manifest.version, trouble=str(exc))
    if held_out is None:
        trouble = "it came without what its held-out customers did"
        return Curves(version=manifest.version, trouble=trouble)
    whose = np.arange(len(held_out)) if held_out.customer is None else held_out.customer
    return Curves(
        version=manifest.version,
        bins=[
            KeptWord(
                rows=each.share.decisions,
                predicted=each.mean_probability,
                bought=each.share.value,
                low=each.share.interval[0],
                high=each.share.interval[1],
            )
            for each in observed_bins(held_out.probabilities, held_out.labels, whose)
        ],
        gain=list(gain_curve(held_out)),
        roc=list(roc_curve(held_out)),
        auc=manifest.metrics.get("auc"),
    )


def curves_of(registry: Registry, name: str, versions: Sequence[int]) -> CurvesPage:
    """The curves of these versions.

    Raises:
        UnknownModel, UnknownVersion: there is no such version.
        CorruptRegistry: a manifest is damaged.
        StoreUnavailable: the registry could not be read.
    """
    found = [curves(registry, registry.version(name, number)) for number in versions]
    return CurvesPage(model=name, versions=found)


def feature_lines(chosen: Manifest, beside: Manifest | None) -> list[FeatureLine]:
    """The features of either version, those of the chosen one first."""
    ours, theirs = _coefficients(chosen), {} if beside is None else _coefficients(beside)
    others = () if beside is None else beside.features.names
    return [
        FeatureLine(
            name=name,
            chosen=name in chosen.features.names,
            beside=name in others,
            coefficient=ours.get(name),
            coefficient_beside=theirs.get(name),
        )
        for name in dict.fromkeys((*chosen.features.names, *others))
    ]


def compared(registry: Registry, chosen: Manifest, beside: Manifest) -> Compared:
    """The metrics of both; it takes half a second for some thousand customers.

    Raises:
        StoreUnavailable: a blob could not be read.
    """
    try:
        found = compare(beside, chosen, registry.blob)
    except (NotFound, Conflict, CorruptRecord) as exc:
        found = Comparison(a=beside, b=chosen, incomparable=str(exc))
    return Compared(
        version=chosen.version,
        beside=beside.version,
        customers=found.customers,
        metrics=[_metric(found, name) for name in METRICS],
        incomparable=found.incomparable,
    )


def _metric(found: Comparison, name: str) -> MetricLine:
    difference, better = found.differences.get(name), None
    if difference is not None:
        side = found.better(name)
        better = None if side is None else (found.a if side == "A" else found.b).version
    return MetricLine(
        metric=name,
        chosen=Figure.of(found.b, name),
        beside=Figure.of(found.a, name),
        difference=None
        if difference is None
        else Figure(
            value=difference.value, low=difference.interval[0], high=difference.interval[1]
        ),
        better=better,
    )


def _coefficients(manifest: Manifest) -> Mapping[str, float]:
    """By feature; empty where the version does not say, or says something else."""
    found = manifest.facts.get("coefficients")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): float(value) for name, value in found.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
