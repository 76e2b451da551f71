"""Gates: what every load checks before a version may serve. Each failure says the way out."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.drift import Reference
from domain.features import FeatureSet
from domain.prediction import Scorer
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import Currency, Window
from model_registry.errors import GateFailed, UnknownObject
from model_registry.ports import ScorerFactory
from model_registry.revisions import GateResult
from model_registry.storage import blob_key
from model_registry.versions import (
    GOLDEN,
    HELD_OUT,
    REFERENCE,
    Blob,
    GoldenVectors,
    HeldOut,
    Manifest,
    decode_reference,
)

MOST_BYTES = 64 * 1024 * 1024
"""Of all blobs of a version together: a logistic regression has a thousand."""
TOLERANCE = 1e-6
"""How far a score may lie from its golden probability, on any platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A version that may serve, and what each gate saw of it; all of them passed.

    `held_out` are its probabilities of the held-out customers, ascending; None: it keeps none.
    """

    features: FeatureSet
    scorer: Scorer
    golden: GoldenVectors
    held_out: NDArray[np.float64] | None
    reference: Reference | None
    results: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadGates:
    """Turns a version into a scorer and its features, if it passes every gate here and now.

    `scorer_factory` finds the factory of a scorer kind; `currency` and `retention` are the
    deployment's.
    """

    scorer_factory: Callable[[str], ScorerFactory]
    currency: Currency
    retention: PurchaseRetention = FOR_EVER

    def __call__(self, manifest: Manifest, read_blob: Callable[[Blob], bytes], /) -> Loaded:
        """A version that may serve, its scorer built from checked bytes.

        Raises:
            GateFailed: it may not; says which gate, what it saw, and the way out.
            CorruptRegistry: the golden vectors, the held-out customers or the reference are none.
            StoreUnavailable: a blob could not be read.
        """
        check_size(manifest)
        features = check_features(manifest, self.currency)
        check_retention(features, self.retention)
        blobs = check_integrity(manifest.blobs, read_blob)
        scorer = self._build(manifest, blobs)
        golden = GoldenVectors.decode(blob_key(manifest.blobs[GOLDEN].sha256), blobs[GOLDEN])
        if golden.matrix.shape[1] != len(features.names):
            raise GateFailed(
                "golden",
                f"the golden vectors have {golden.matrix.shape[1]} columns, the features are "
                f"{len(features.names)}; train again",
            )
        difference = check_golden(scorer, golden)
        saw = {
            "integrity": f"{len(blobs)} blobs are to the byte what was registered",
            "safety": f"{sum(map(len, blobs.values())):,} bytes, taken by the "
            f"{manifest.scorer.kind!r} scorer",
            "features": f"this code computes {len(features.names)} of the same contract",
            "golden": f"scores differ by up to {difference:.3g} from those at training",
        }
        results = tuple(
            GateResult(version=manifest.version, gate=gate, passed=True, detail=detail)
            for gate, detail in saw.items()
        )
        return Loaded(
            features=features,
            scorer=scorer,
            golden=golden,
            held_out=_held_out(manifest, blobs),
            reference=_reference(manifest, blobs),
            results=results,
        )

    def _build(self, manifest: Manifest, blobs: Mapping[str, bytes]) -> Scorer:
        factory = self.scorer_factory(manifest.scorer.kind)
        try:
            return factory(manifest.scorer.options, blobs)
        except GateFailed:  # the kind's own, such as the safety of its format
            raise
        except Exception as exc:  # a plugin, which may raise anything
            raise GateFailed(
                "scorer",
                f"the {manifest.scorer.kind!r} scorer refused what the version holds "
                f"({exc!r}); train and register it again",
            ) from exc


def _held_out(manifest: Manifest, blobs: Mapping[str, bytes]) -> NDArray[np.float64] | None:
    if HELD_OUT not in blobs:
        return None
    rows = HeldOut.decode(blob_key(manifest.blobs[HELD_OUT].sha256), blobs[HELD_OUT])
    return np.sort(rows.probabilities)


def _reference(manifest: Manifest, blobs: Mapping[str, bytes]) -> Reference | None:
    if REFERENCE not in blobs:
        return None
    key = blob_key(manifest.blobs[REFERENCE].sha256)
    return decode_reference(key, blobs[REFERENCE], manifest.features.names)


def check_size(manifest: Manifest) -> None:
    """Returns when all blobs together are small enough to be held in memory twice while loading.

    Raises:
        GateFailed: they are not.
    """
    size = sum(blob.size for blob in manifest.blobs.values())
    if size > MOST_BYTES:
        raise GateFailed(
            "safety",
            f"the version has {size:,} bytes, at most {MOST_BYTES:,} are allowed; "
            "train a smaller model",
        )


def check_integrity(
    blobs: Mapping[str, Blob], read_blob: Callable[[Blob], bytes]
) -> Mapping[str, bytes]:
    """Every blob by role, to the byte what was registered.

    Raises:
        GateFailed: a blob is missing or was changed.
        StoreUnavailable: a blob could not be read.
    """
    return {role: _intact(role, blob, read_blob) for role, blob in blobs.items()}


def _intact(role: str, blob: Blob, read_blob: Callable[[Blob], bytes]) -> bytes:
    way_out = f"restore {blob_key(blob.sha256)} from a backup, or promote another version"
    try:
        content = read_blob(blob)
    except UnknownObject as exc:
        raise GateFailed("integrity", f"blob {role!r} is missing; {way_out}") from exc
    if len(content) != blob.size:
        raise GateFailed(
            "integrity", f"blob {role!r} has {len(content)} bytes, not {blob.size}; {way_out}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != blob.sha256:
        raise GateFailed("integrity", f"blob {role!r} has SHA-256 {found}; {way_out}")
    return content


def check_features(manifest: Manifest, currency: Currency) -> FeatureSet:
    """The version's features, which this code computes as they were at training.

    Raises:
        GateFailed: this code computes others, in another order, or in another currency.
    """
    way_out = "train again with this code"
    try:
        features = FeatureSet.from_contract(manifest.features.contract)
    except ValueError as exc:
        raise GateFailed("features", f"{exc}; {way_out}") from exc
    if features.contract_hash != manifest.features.contract_hash:
        raise GateFailed(
            "features",
            f"the contract has hash {features.contract_hash} here, the version was trained on "
            f"{manifest.features.contract_hash}; {way_out}",
        )
    if features.names != manifest.features.names:
        raise GateFailed(
            "features",
            f"this code computes {', '.join(features.names)}, the version was trained on "
            f"{', '.join(manifest.features.names)}; {way_out}",
        )
    if features.currency != currency:
        raise GateFailed(
            "features",
            f"the version was trained on amounts in {features.currency.code}, this deployment "
            f"has {currency.code}; train on this deployment's purchases",
        )
    return features


def check_retention(features: FeatureSet, retention: PurchaseRetention) -> None:
    """Returns when purchases are kept for as long as the features look back.

    Raises:
        GateFailed: they are not.
    """
    reach, window = features.reach, features.reach.window
    if retention.days is not None and reach.ever:
        raise GateFailed(
            "retention",
            f"the version looks at all purchases ever, but they are kept for {retention.days} days; "
            "unset PROPENSITY_PURCHASE_RETENTION_DAYS, or promote one that looks back less",
        )
    if retention.days is not None and window > Window.days(retention.days):
        raise GateFailed(
            "retention",
            f"the version looks back {window}, but purchases are kept for {retention.days} days; "
            "raise PROPENSITY_PURCHASE_RETENTION_DAYS, or promote one that looks back less",
        )


def check_golden(scorer: Scorer, golden: GoldenVectors) -> float:
    """How far scores lie from the golden probabilities at most; the same alone as in a batch.

    Raises:
        GateFailed: the scorer raised, gave no probabilities, or gave others.
    """
    way_out = "train again with the libraries installed here"
    try:
        scores = scorer.score(golden.matrix)
        alone = [scorer.score(row) for row in np.split(golden.matrix, len(golden.matrix))]
    except Exception as exc:  # a plugin, which may raise anything
        raise GateFailed("golden", f"the scorer raised {exc!r}; {way_out}") from exc
    trouble = _not_probabilities(scores, len(golden.matrix))
    if trouble is not None:
        raise GateFailed("golden", f"the scorer gave {trouble}; {way_out}")
    difference = float(np.abs(scores - golden.probabilities).max())
    if not difference <= TOLERANCE:
        raise GateFailed(
            "golden",
            f"scores differ by up to {difference:.3g} from those at training, "
            f"allowed are {TOLERANCE:g}; {way_out}",
        )
    if not np.array_equal(scores, np.concatenate(alone)):
        raise GateFailed(
            "golden",
            "a row scores differently alone and in a batch; a score must not depend on other rows",
        )
    return difference


def _not_probabilities(scores: NDArray[np.float64], rows: int) -> str | None:
    known = isinstance(scores, np.ndarray)  # pyright: ignore[reportUnnecessaryIsInstance]  # a plugin
    if not known or scores.dtype != np.float64:
        return f"{getattr(scores, 'dtype', type(scores).__name__)} where float64 is due"
    if scores.shape != (rows,):
        return f"shape {scores.shape} where ({rows},) is due"
    if not np.isfinite(scores).all():
        return "scores that are not finite"
    if scores.min() < 0.0 or scores.max() > 1.0:
        return f"scores from {scores.min():g} to {scores.max():g}, outside [0, 1]"
    return None
