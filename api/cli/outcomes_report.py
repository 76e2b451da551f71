"""What came of a model's decisions, as a document and as text."""

from collections.abc import Iterator, Sequence

from domain.outcomes import NotJoined, Outcomes
from model_registry.evaluation import (
    ArmOutcome,
    FlagOutcome,
    Judged,
    Performance,
    Promised,
    Share,
    promised_interval,
)

_WHY = {
    NotJoined.NOT_DUE: "not due yet",
    NotJoined.ERASED: "of erased customers",
    NotJoined.BEYOND_RETENTION: "before purchases are kept",
    NotJoined.NO_PROPENSITY: "without a propensity in time",
    NotJoined.NOT_SAMPLED: "of customers not drawn",
}
_METRICS = ("auc", "log_loss")
_NAMES = {"auc": "AUC", "log_loss": "log loss", "bias": "bias"}
_ACTED = (
    "Whom the policy acted on may have seen a banner, so what they bought is not the model's doing "
    "alone.\nCompare those not acted on, and those held out."
)
_SURE = (
    "Intervals are of 95 % and of customers: one who comes often counts once. All verdicts "
    "together are\nwrong once in 20 times at most, where the promise holds."
)


def document_of(
    found: Outcomes, arms: Sequence[ArmOutcome], flags: Sequence[FlagOutcome]
) -> dict[str, object]:
    """The document for machines; a share or metric stands beside its interval (low, high)."""
    return {
        "read": found.read,
        "due": len(found),
        "not_joined": {str(why): found.not_joined.get(why, 0) for why in NotJoined},
        "sampled": found.sampled,
        "versions": [_arm_document(arm) for arm in arms],
        "flags": [_flag_document(flag) for flag in flags],
    }


def _arm_document(arm: ArmOutcome) -> dict[str, object]:
    return {
        "version": arm.version,
        "arm": arm.arm,
        "horizon_days": arm.horizon_days,
        "worse": list(arm.worse),
        "judged": [
            {
                "metric": each.metric,
                "promised": each.promised.value,
                "promised_error": each.promised.error,
                "value": each.value,
                "chance": each.chance,
                "worse": each.worse,
                "as_if_true": each.as_if_true,
            }
            for each in arm.judged
        ],
        "all": _performance_document(arm.all),
        "acted": _or_none(arm.by_action.get(True)),
        "not_acted": _or_none(arm.by_action.get(False)),
    }


def _or_none(performance: Performance | None) -> dict[str, object] | None:
    return None if performance is None else _performance_document(performance)


def _performance_document(each: Performance) -> dict[str, object]:
    return {
        **_share_document(each.share),
        "mean_probability": each.mean_probability,
        "bias": each.bias,
        "bias_interval": list(each.bias_interval),
        "metrics": dict(each.metrics),
        "intervals": {name: list(interval) for name, interval in each.intervals.items()},
        "if_true": dict(each.if_true),
        "calibration": [
            {"mean_probability": row.mean_probability, **_share_document(row.share)}
            for row in each.calibration
        ],
    }


def _share_document(share: Share) -> dict[str, object]:
    return {
        "decisions": share.decisions,
        "customers": share.customers,
        "bought": share.value,
        "bought_interval": list(share.interval),
    }


def _flag_document(flag: FlagOutcome) -> dict[str, object]:
    return {
        "flag": flag.flag,
        "held_out": None if flag.held_out is None else _share_document(flag.held_out),
        "decided": None if flag.decided is None else _share_document(flag.decided),
        "difference": flag.difference,
        "interval": None if flag.interval is None else list(flag.interval),
    }


def text_of(found: Outcomes, arms: Sequence[ArmOutcome], flags: Sequence[FlagOutcome]) -> str:
    """The same for people."""
    return "\n\n".join(_parts(found, arms, flags))


def _parts(
    found: Outcomes, arms: Sequence[ArmOutcome], flags: Sequence[FlagOutcome]
) -> Iterator[str]:
    yield "\n".join(_counts(found))
    if not len(found):
        yield "nothing is due yet: the horizon of no decision has passed"
        return
    for arm in arms:
        yield "\n".join(_arm(arm))
    if flags:
        yield "\n".join(map(_flag, flags))
    yield f"{_ACTED}\n{_SURE}"


def _counts(found: Outcomes) -> Iterator[str]:
    apart = ", ".join(
        f"{found.not_joined[why]:,} {text}" for why, text in _WHY.items() if why in found.not_joined
    )
    yield f"{len(found):,} are due{f'; {apart}' if apart else ''}"
    if found.sampled < 1.0:
        yield f"more than memory holds: {found.sampled:.2%} of the customers, drawn by lot"


def _arm(arm: ArmOutcome) -> Iterator[str]:
    yield f"version {arm.version} as {arm.arm}, {arm.horizon_days} days ahead: {_verdict(arm)}"
    yield (
        f"  {'':<13}{'decisions':>10}{'customers':>10}{'predicted':>11}  {'bought':<27}"
        f"{'AUC':<27}log loss"
    )
    promised = "".join(f"{_promised(arm.promised.get(name)):<27}" for name in _METRICS)
    yield f"  {'promised':<13}{'':>35}{promised}".rstrip()
    parts = (("all", arm.all), ("acted on", arm.by_action.get(True)))
    for name, each in (*parts, ("not acted on", arm.by_action.get(False))):
        if each is not None:
            yield _row(name, each)
    expected = "".join(f"{arm.all.if_true[name]:<27.4f}" for name in _METRICS)
    yield f"  {'all, if true':<13}{'':>60}{expected}".rstrip()
    yield "  were the probabilities true? from the lowest to the highest"
    for row in arm.all.calibration:
        counts = f"{row.share.decisions:>10,}{row.share.customers:>10,}"
        yield f"  {'':<13}{counts}{row.mean_probability:>11.4f}  {_shared(row.share)}"
    yield from (f"  {_why(each, arm.by_action.get(False))}" for each in arm.judged if each.worse)


def _row(name: str, each: Performance) -> str:
    metrics = "".join(
        f"{_number(each.metrics[metric], each.intervals[metric]):<27}"
        for metric in _METRICS
        if each.metrics
    )
    share = each.share
    counts = f"{share.decisions:>10,}{share.customers:>10,}{each.mean_probability:>11.4f}"
    few = metrics or "fewer than 10 customers bought, or did not"
    return f"  {name:<13}{counts}  {_shared(share):<27}{few}".rstrip()


def _shared(share: Share) -> str:
    return _number(share.value, share.interval)


def _number(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"


def _promised(promised: Promised | None) -> str:
    if promised is None:
        return "not known"
    interval = promised_interval(promised)
    return f"{promised.value:.4f}" if interval is None else _number(promised.value, interval)


def _verdict(arm: ArmOutcome) -> str:
    if not arm.promised:
        return "the version is gone from the registry, so what it promised is not known"
    if not arm.judged:
        return "too few to judge"
    if not arm.worse:
        return "as promised, as far as these customers tell"
    return f"worse than promised: {', '.join(_NAMES[name] for name in arm.worse)}"


def _why(each: Judged, not_acted: Performance | None) -> str:
    text = (
        f"{_NAMES[each.metric]}: {each.value:.4f} where {each.promised.value:.4f} was promised; chance alone does "
        f"so {'less than once in 1,000 times' if each.chance < 0.001 else f'in {each.chance:.1%}'}"  # noqa: PLR2004
    )
    if each.metric == "bias":
        way = f"{text}; the probabilities are too {'high' if each.value > 0 else 'low'}"
        if not_acted is None or not not_acted.bias_interval[0] <= 0.0 <= not_acted.bias_interval[1]:
            return way
        return f"{way}, but not of those not acted on: it may be what the others were shown"
    if each.as_if_true:
        return f"{text}; true probabilities would do no better, so other customers came"
    return f"{text}; true probabilities would do better, so it is the model"


def _flag(flag: FlagOutcome) -> str:
    if flag.held_out is None:
        return f"flag {flag.flag}: nobody who is due was held out"
    held_out = f"{flag.held_out.customers:,} customers held out bought {_shared(flag.held_out)}"
    if flag.decided is None or flag.difference is None or flag.interval is None:
        return f"flag {flag.flag}: {held_out}"
    low, high = flag.interval
    certain = "" if low > 0.0 or high < 0.0 else "; no certain difference"
    return (
        f"flag {flag.flag}: {held_out}; {flag.decided.customers:,} decided about bought "
        f"{_shared(flag.decided)}: {flag.difference:+.4f} ({low:+.4f} to {high:+.4f}){certain}"
    )
