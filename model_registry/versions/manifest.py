"""Manifest: everything there is to know about one version, written once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from model_registry.errors import CorruptRegistry
from model_registry.storage import Count, Number, Sha256, Text, canonical, check_canonical, decoded
from model_registry.versions.candidate import CalibrationBin

SCHEMA = 3
"""Raised whenever a manifest changes form, so that older code refuses what it cannot read."""

GOLDEN = "golden"
"""The role of the blob that holds the golden vectors; every version has one."""

HELD_OUT = "held_out"
"""The role of the blob with what the held-out customers did; a version may have none."""

REFERENCE = "reference"
"""The role of the blob with the spread of inputs at training; a version may have none."""

CARD, CARD_HTML = "card.md", "card.html"
"""The roles of the blobs that describe the version to people; a version may have none."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its SHA-256 in lower-case hex and its size in bytes."""

    sha256: Sha256
    size: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """Which kind of scorer a version has, and with which options it is built."""

    kind: Text
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """The feature set as it was at training."""

    contract: Mapping[str, Any]
    contract_hash: Sha256
    names: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version of a model: immutable, and complete with the blobs that it names by role.

    Units: `created_at` in microseconds since the epoch, UTC. `intervals` holds, for some of the
    metrics, between which values (low, high) they lie with 95 % confidence.
    """

    name: Text
    version: Number
    created_at: Count
    created_by: Text
    scorer: ScorerSpec
    blobs: Mapping[str, Blob]
    features: FeatureSpec
    horizon_days: Number
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    calibration: tuple[CalibrationBin, ...]
    facts: Mapping[str, Any]

    @property
    def targeted(self) -> bool:
        """Whether it says who buys within the category asked about, not who buys anything."""
        return any(map(_targets, self.features.contract.get("features", ())))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the stored bytes, in lower-case hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """The manifest as canonical JSON.

        Raises:
            ValueError: a number is not finite.
            TypeError: an option or a fact has no JSON form.
        """
        return canonical({"schema": SCHEMA, **to_builtins(self)})

    @classmethod
    def decode(cls, key: str, content: bytes) -> "Manifest":
        """The manifest stored under `key`; encoding it gives the same bytes again.

        Raises:
            CorruptRegistry: it is not a manifest of this schema; names the field.
        """
        manifest = decoded(key, content, cls, schema=SCHEMA)
        if GOLDEN not in manifest.blobs:
            raise CorruptRegistry(key, f"field 'blobs.{GOLDEN}' is missing")
        check_canonical(key, content, manifest.encode())
        return manifest


def _targets(entry: Mapping[str, Any]) -> bool:
    """Whether a feature of a contract, or a part of it, depends on the target category."""
    return bool(entry.get("target")) or any(map(_targets, entry.get("of", ())))
