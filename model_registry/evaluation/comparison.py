"""Comparison: two versions of one model side by side, and whether one was really better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from model_registry.evaluation.metrics import METRICS, Interval, differences, evaluate
from model_registry.gates import check_integrity
from model_registry.storage import blob_key
from model_registry.versions import HELD_OUT, Blob, HeldOut, Manifest


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of B minus that of A, and where it lies in 95 % of the same draws of customers."""

    value: float
    interval: Interval

    @property
    def certain(self) -> bool:
        """Whether the interval leaves zero out: other customers would hardly turn the result."""
        low, high = self.interval
        return not low <= 0.0 <= high


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Versions A and B, and their differences on the `customers` on whom both were judged.

    There are none, and no differences, where `incomparable` says why.
    """

    a: Manifest
    b: Manifest
    customers: int = 0
    differences: Mapping[str, Difference] = field(default_factory=dict[str, Difference])
    incomparable: str | None = None

    @property
    def features(self) -> Sequence[str]:
        """The features of either, those of A first."""
        return tuple(dict.fromkeys((*self.a.features.names, *self.b.features.names)))

    def better(self, metric: str) -> str | None:
        """Which of "A" and "B" is certainly better by this metric, if either is."""
        difference = self.differences[metric]
        if not difference.certain:
            return None
        more_is_better = metric == "auc"
        return "B" if (difference.value > 0.0) == more_is_better else "A"


def compare(a: Manifest, b: Manifest, read_blob: Callable[[Blob], bytes], /) -> Comparison:
    """The comparison of two versions, from what they told of their held-out customers.

    Raises:
        GateFailed: a blob of either is missing or was changed.
        CorruptRegistry: what the held-out customers did cannot be read.
        StoreUnavailable: a blob could not be read.
    """
    one, other = held_out_of(a, read_blob), held_out_of(b, read_blob)
    if one is None or other is None:
        without = " and ".join(
            f"version {manifest.version}"
            for manifest, held_out in ((a, one), (b, other))
            if held_out is None
        )
        reason = f"{without} came without what its held-out customers did"
        return Comparison(a=a, b=b, incomparable=reason)
    if one.asked != other.asked:
        reason = "they were judged on other customers, purchases or dates; train both again"
        return Comparison(a=a, b=b, incomparable=reason)
    before, after, spread = evaluate(one), evaluate(other), differences(one, other)
    found = {
        metric: Difference(after[metric] - before[metric], spread[metric]) for metric in METRICS
    }
    return Comparison(a=a, b=b, customers=len(one), differences=found)


def held_out_of(manifest: Manifest, read_blob: Callable[[Blob], bytes], /) -> HeldOut | None:
    """What a version told of its held-out customers; None: it came without.

    Raises:
        GateFailed: a blob is missing or was changed.
        CorruptRegistry: what the held-out customers did cannot be read.
        StoreUnavailable: a blob could not be read.
    """
    blob = manifest.blobs.get(HELD_OUT)
    if blob is None:
        return None
    content = check_integrity(manifest.blobs, read_blob)[HELD_OUT]
    return HeldOut.decode(blob_key(blob.sha256), content)
