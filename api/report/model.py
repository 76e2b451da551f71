"""The report of a version: how good it is, beside another one where that is asked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.pictures import Draws
from api.pictures.picture import Table, listed, signed
from api.pictures.versions import (
    JudgedVersion,
    distribution_of,
    gain_of,
    reliability_of,
    roc_of,
    weights_of,
)
from api.report.page import Card, Missing, Number, Report, rendered
from domain.values import instant
from model_registry.evaluation import Comparison, quality_of

_FIGURES = {
    "auc": ("AUC", "more is better"),
    "auc_within_categories": ("AUC within a category, mean", "more is better"),
    "log_loss": ("log loss", "less is better"),
    "brier": ("Brier score", "less is better"),
    "ece": ("calibration error (ECE)", "less is better"),
    "lift_quality": ("lift quality, 0 to 100", "more is better"),
}
_CHANGES = {
    "training_cut_offs": "learnt at",
    "held_out_cut_off": "judged at",
    "training_rows": "rows learnt from",
    "training_buyers": "of which bought",
    "customers": "customers",
    "recalibration": "recalibration",
    "libraries": "libraries",
}


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def model_report(
    version: JudgedVersion,
    draws: Draws,
    /,
    *,
    beside: JudgedVersion | None = None,
    comparison: Comparison | None = None,
) -> str:
    """The report as an HTML page. `comparison` is of `beside` (A) and the version (B).

    Raises:
        Unavailable: the pictures cannot be drawn now.
    """
    manifest = version.manifest
    both = [version] if beside is None else [version, beside]
    report = Report(
        title=f"{manifest.name}, version {manifest.version}",
        lead=_lead(version, beside),
        numbers=tuple(_numbers(version)),
        cards=tuple(_cards(version, both, comparison)),
        missing=tuple(_missing(both)),
    )
    return rendered(report, draws)


def _lead(version: JudgedVersion, beside: JudgedVersion | None) -> str:
    manifest = version.manifest
    target = "in the category asked about" if manifest.targeted else "anything"
    said = (
        f"Says how likely a customer buys {target} within {manifest.horizon_days} days. "
        f"Registered {_minute(manifest.created_at)} UTC by {manifest.created_by}. "
        f"Quality: {quality_of(manifest.metrics)}."
    )
    return said if beside is None else f"{said} Shown beside {beside.name}."


def _minute(at_us: int) -> str:
    return instant.render(at_us)[:16].replace("T", " ")


def _numbers(version: JudgedVersion) -> Iterator[Number]:
    metrics = version.manifest.metrics
    for name, noun in (("auc", "AUC"), ("log_loss", "log loss"), ("ece", "calibration error")):
        if name in metrics:
            yield Number(f"{metrics[name]:.3f}", noun)
    if "held_out_customers" in metrics:
        yield Number(f"{metrics['held_out_customers']:,.0f}", "cases judged")


def _cards(
    version: JudgedVersion, both: Sequence[JudgedVersion], comparison: Comparison | None
) -> Iterator[Card]:
    yield Card(
        "How good is it?",
        "On customers and a period that training did not see, with 95 % intervals.",
        table=_metrics(both, comparison),
    )
    yield Card(
        "Does it keep its word?",
        "Of the people given this probability, how many bought. On the dashed line it is right.",
        picture=reliability_of(both),
    )
    if version.held_out is not None:
        yield Card(
            "Whom does it find?",
            "Buyers reached when the likeliest people are contacted first. Dashed: at random.",
            picture=gain_of(both),
        )
        yield Card(
            "Does it tell them apart?",
            "Buyers found, and others taken for buyers, at every threshold (ROC).",
            picture=roc_of(both),
        )
        yield Card(
            "What does it answer?",
            "The people who judged it, by the probability that they were given.",
            picture=distribution_of(version),
        )
    if version.weights():
        yield Card(
            "What does it look at?",
            "What one standard deviation of a feature adds to the log-odds of buying.",
            picture=weights_of(version),
            wide=True,
        )
    if len(both) > 1:
        changes = _changes(*both)
        reading = "What differs in how the two were made." if changes.rows else "Nothing differs."
        yield Card(f"What changed against {both[1].name}?", reading, table=changes, prose=True)


def _metrics(both: Sequence[JudgedVersion], comparison: Comparison | None) -> Table:
    header = ["figure", *(each.name for each in both)]
    differences = {} if comparison is None else comparison.differences
    if differences:
        header += ["difference", "verdict"]
    rows = []
    for name, (words, better) in _FIGURES.items():
        if not any(name in each.manifest.metrics for each in both):
            continue
        row = [f"{words} ({better})", *(_metric(each, name) for each in both)]
        if differences:
            row += _difference(comparison, name)
        rows.append(tuple(row))
    return Table(tuple(header), tuple(rows))


def _metric(version: JudgedVersion, name: str) -> str:
    value = version.manifest.metrics.get(name)
    if value is None:
        return ""
    ends = version.manifest.intervals.get(name)
    said = "" if ends is None else f" ({ends[0]:.3f} to {ends[1]:.3f})"
    return f"{value:.3f}{said}" if name != "lift_quality" else f"{value:.0f}"


def _difference(comparison: Comparison | None, name: str) -> list[str]:
    found = None if comparison is None else comparison.differences.get(name)
    if comparison is None or found is None:
        return ["", ""]
    better = {"B": "better", "A": "worse", None: "not certain"}[comparison.better(name)]
    low, high = found.interval
    return [f"{signed(found.value, 3)} ({signed(low, 3)} to {signed(high, 3)})", better]


def _changes(version: JudgedVersion, beside: JudgedVersion) -> Table:
    now, then = version.manifest, beside.manifest
    rows = [
        ("features only here", _only(now.features.names, then.features.names), ""),
        ("features only there", "", _only(then.features.names, now.features.names)),
        ("scorer", now.scorer.kind, then.scorer.kind),
        ("horizon, days", str(now.horizon_days), str(then.horizon_days)),
        *(
            (words, _plain(now.facts.get(name)), _plain(then.facts.get(name)))
            for name, words in _CHANGES.items()
        ),
    ]
    changed = tuple(row for row in rows if row[1] != row[2])
    return Table(("fact", version.name, beside.name), changed)


def _only(these: Sequence[str], those: Sequence[str]) -> str:
    return ", ".join(name for name in these if name not in those)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return value[:10]
    return "" if value is None else str(value)


def _missing(versions: Sequence[JudgedVersion]) -> Iterator[Missing]:
    """What a picture would need and a version does not have."""
    without = [each.name for each in versions if each.held_out is None]
    if without:
        yield Missing(
            f"{listed(without).capitalize()} came without what held-out customers did. Without it "
            "there is no curve of gains, no ROC and no comparison. These keep it:",
            ("propensity train", "propensity models package"),
        )
    first = versions[0]
    if first.weights() is None and "coefficients" in first.manifest.facts:
        yield Missing(
            f"{first.name.capitalize()} does not say how its features spread, so that its weights "
            "could be compared. A new version does:",
            ("propensity train",),
        )
    elif first.weights() is None:
        yield Missing(f"{first.name.capitalize()} says nothing of the weights of its features.")
