"""Draft: a candidate made ready to be stored, proved to read back as it was."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import InvalidRequest
from model_registry.errors import CorruptRegistry
from model_registry.versions.candidate import CalibrationBin, Candidate, GoldenVectors
from model_registry.versions.held_out import HeldOut
from model_registry.versions.manifest import (
    GOLDEN,
    HELD_OUT,
    REFERENCE,
    Blob,
    FeatureSpec,
    Manifest,
    ScorerSpec,
)
from model_registry.versions.spread import decode_reference, encode_reference


@dataclass(frozen=True, slots=True)
class Draft:
    """The manifest of a version that has no number yet (it says 1), and the blobs it names."""

    manifest: Manifest
    blobs: Mapping[str, bytes]

    @classmethod
    def of(cls, name: str, candidate: Candidate, *, created_at: int, created_by: str) -> "Draft":
        """The draft of a candidate.

        Raises:
            InvalidRequest: a part of the candidate cannot be stored as it is; says which.
        """
        for role in (GOLDEN, HELD_OUT, REFERENCE, *candidate.card):
            if role in candidate.blobs:
                raise InvalidRequest("blobs", f"the role {role!r} is taken by the evidence")
        try:
            blobs = {**candidate.blobs, **_evidence(candidate)}
            manifest = Manifest(
                name=name,
                version=1,
                created_at=created_at,
                created_by=created_by,
                scorer=ScorerSpec(kind=candidate.scorer_kind, options=candidate.scorer_options),
                blobs={role: _blob(content) for role, content in blobs.items()},
                features=FeatureSpec(
                    contract=candidate.features.contract,
                    contract_hash=candidate.features.contract_hash,
                    names=candidate.features.names,
                ),
                horizon_days=candidate.horizon_days,
                metrics={metric: float(value) for metric, value in candidate.metrics.items()},
                intervals={
                    metric: (float(low), float(high))
                    for metric, (low, high) in candidate.intervals.items()
                },
                calibration=tuple(map(_plain, candidate.calibration)),
                facts=candidate.facts,
            )
            return cls(Manifest.decode("manifest", manifest.encode()), blobs)
        except (TypeError, ValueError) as exc:
            raise InvalidRequest("candidate", f"has no JSON form: {exc}") from exc
        except CorruptRegistry as exc:
            raise InvalidRequest("candidate", str(exc)) from exc


def _evidence(candidate: Candidate) -> dict[str, bytes]:
    """The blobs that are not the scorer's, each of which reads back."""
    blobs = {GOLDEN: candidate.golden.encode()}
    GoldenVectors.decode(GOLDEN, blobs[GOLDEN])
    if candidate.held_out is not None:
        blobs[HELD_OUT] = candidate.held_out.encode()
        HeldOut.decode(HELD_OUT, blobs[HELD_OUT])
    if candidate.reference is not None:
        blobs[REFERENCE] = encode_reference(candidate.reference)
        decode_reference(REFERENCE, blobs[REFERENCE], candidate.features.names)
    return {**blobs, **candidate.card}


def _blob(content: bytes) -> Blob:
    return Blob(hashlib.sha256(content).hexdigest(), len(content))


def _plain(bin_: CalibrationBin) -> CalibrationBin:
    """The same in Python's own numbers, which is how it will be read back."""
    return CalibrationBin(int(bin_.count), float(bin_.mean_probability), float(bin_.observed_rate))
