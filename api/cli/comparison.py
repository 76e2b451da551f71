"""The command that shows two versions side by side, and whether one was really better."""

from itertools import zip_longest
from typing import Annotated

import typer
from msgspec import to_builtins

from api.cli.output import AsJson, emit
from api.composition import open_registry
from api.documents.models import VersionReport
from api.process import load_settings
from domain.errors import InvalidRequest
from model_registry.errors import UnknownVersion
from model_registry.evaluation import METRICS, Comparison, Difference
from model_registry.evaluation import compare as compare_versions
from model_registry.registry import Registry
from model_registry.versions import CalibrationBin, Manifest

Which = Annotated[str, typer.Argument(help="A version's number, or champion or challenger.")]

Name = Annotated[str, typer.Argument(help="The model's name.")]


_BETTER = {
    "auc": "more is better",
    "log_loss": "less is better",
    "brier": "less is better",
    "ece": "less is better",
}


def compare(name: Name, a: Which, b: Which, *, as_json: AsJson = False) -> None:
    """Compare two versions: held-out metrics with 95 % intervals, calibration, features."""
    registry = open_registry(load_settings())
    one, other = (registry.version(name, number_of(registry, name, which)) for which in (a, b))
    comparison = compare_versions(one, other, registry.blob)
    emit(_document(comparison), as_json=as_json, text=_text(comparison))


def number_of(registry: Registry, name: str, which: str) -> int:
    """The version that is meant: a number, champion or challenger.

    Raises:
        InvalidRequest: it is neither.
        UnknownVersion: there is no such alias now.
    """
    if which.isdecimal():
        return int(which)
    if which not in ("champion", "challenger"):
        raise InvalidRequest(
            "version", f"{which!r} is no version: give a number, champion or challenger"
        )
    current = registry.current(name)
    aliases = {} if current is None else current.state.aliases
    if which not in aliases:
        raise UnknownVersion(f"model {name!r} has no {which} now; give a version's number")
    return aliases[which]


def _document(comparison: Comparison) -> dict[str, object]:
    return {
        "a": to_builtins(VersionReport.of(comparison.a)),
        "b": to_builtins(VersionReport.of(comparison.b)),
        "comparable": comparison.incomparable is None,
        "incomparable": comparison.incomparable,
        "differences": {
            metric: {
                "b_minus_a": difference.value,
                "interval": list(difference.interval),
                "better": comparison.better(metric),
            }
            for metric, difference in comparison.differences.items()
        },
    }


def _text(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    parts = [
        f"{a.name}: A is version {a.version}, B is version {b.version}\n{_period(comparison)}",
        "on the held-out customers, with 95 % intervals\n" + _metrics(comparison),
        "calibration: were the probabilities true?\n" + _calibration(a, b),
        "features, and which version uses them\n" + _features(comparison),
        _verdict(comparison),
    ]
    return "\n\n".join(parts)


def _period(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    if comparison.incomparable is None:
        return f"both judged on the same {comparison.customers:,} customers, {_asked(a)}"
    return (
        f"A judged on customers {_asked(a)}\nB judged on customers {_asked(b)}\n"
        f"not comparable: {comparison.incomparable}"
    )


def _asked(manifest: Manifest) -> str:
    since = manifest.facts.get("held_out_cut_off", "an unknown date")
    return f"over {manifest.horizon_days} days from {since}"


def _metrics(comparison: Comparison) -> str:
    lines = [f"  {'':<26}{'A':<28}{'B':<28}B - A"]
    for metric in METRICS:
        sides = [_with_interval(manifest, metric) for manifest in (comparison.a, comparison.b)]
        difference = comparison.differences.get(metric)
        change = "not comparable" if difference is None else _change(difference)
        named = f"{metric}, {_BETTER[metric]}"
        lines.append(f"  {named:<26}{sides[0]:<28}{sides[1]:<28}{change}")
    return "\n".join(lines)


def _with_interval(manifest: Manifest, metric: str) -> str:
    if metric not in manifest.metrics:
        return "not known"
    text = f"{manifest.metrics[metric]:.4f}"
    if metric not in manifest.intervals:
        return text
    low, high = manifest.intervals[metric]
    return f"{text} ({low:.4f} to {high:.4f})"


def _change(difference: Difference) -> str:
    low, high = difference.interval
    return f"{difference.value:+.4f} ({low:+.4f} to {high:+.4f})"


def _calibration(a: Manifest, b: Manifest) -> str:
    head = f"{'customers':>9}  {'predicted':>9}  {'happened':>8}"
    lines = [f"  A {head}      B {head}"]
    for one, other in zip_longest(a.calibration, b.calibration):
        lines.append(f"    {_bin(one)}        {_bin(other)}".rstrip())
    return "\n".join(lines)


def _bin(row: CalibrationBin | None) -> str:
    if row is None:
        return " " * 30
    return f"{row.count:>9,}  {row.mean_probability:>9.3f}  {row.observed_rate:>8.3f}"


def _features(comparison: Comparison) -> str:
    sides = (("A", comparison.a), ("B", comparison.b))
    return "\n".join(
        "  "
        + "".join(side if name in manifest.features.names else " " for side, manifest in sides)
        + f"  {name}"
        for name in comparison.features
    )


def _verdict(comparison: Comparison) -> str:
    if comparison.incomparable is not None:
        return "no verdict: the metrics above are not directly comparable"
    winners = {metric: comparison.better(metric) for metric in METRICS}
    found = "; ".join(
        f"{metric}: {f'{winner} is better' if winner else 'no certain difference'}"
        for metric, winner in winners.items()
    )
    return (
        f"{found}\n95 % sure for other customers of this period; another period may tell otherwise"
    )
