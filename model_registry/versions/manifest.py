"""Manifest: everything there is to know about one version, written once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from model_registry.storage import Fields, canonical, check_canonical
from model_registry.versions.candidate import CalibrationBin

SCHEMA = 2
"""Raised whenever a manifest changes form, so that older code refuses what it cannot read."""

GOLDEN = "golden"
"""The role of the blob that holds the golden vectors; every version has one."""

HELD_OUT = "held_out"
"""The role of the blob with what the held-out customers did; a version may have none."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its SHA-256 in lower-case hex and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version of a model: immutable, and complete with the blobs that it names by role.

    Units: `created_at` in microseconds since the epoch, UTC. `contract`, `contract_hash` and
    `feature_names` are the feature set's as it was at training. `intervals` holds, for some of the
    metrics, between which values (low, high) they lie with 95 % confidence.
    """

    name: str
    version: int
    created_at: int
    created_by: str
    scorer_kind: str
    scorer_options: Mapping[str, object]
    blobs: Mapping[str, Blob]
    contract: Mapping[str, object]
    contract_hash: str
    feature_names: Sequence[str]
    horizon_days: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    calibration: Sequence[CalibrationBin]
    facts: Mapping[str, object]

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
        return canonical(
            {
                "schema": SCHEMA,
                "name": self.name,
                "version": self.version,
                "created_at": self.created_at,
                "created_by": self.created_by,
                "scorer": {"kind": self.scorer_kind, "options": dict(self.scorer_options)},
                "blobs": {role: asdict(blob) for role, blob in self.blobs.items()},
                "features": {
                    "contract": dict(self.contract),
                    "contract_hash": self.contract_hash,
                    "names": list(self.feature_names),
                },
                "horizon_days": self.horizon_days,
                "metrics": dict(self.metrics),
                "intervals": {metric: list(ends) for metric, ends in self.intervals.items()},
                "calibration": [asdict(bin_) for bin_ in self.calibration],
                "facts": dict(self.facts),
            }
        )

    @classmethod
    def decode(cls, key: str, content: bytes) -> "Manifest":
        """The manifest stored under `key`; encoding it gives the same bytes again.

        Raises:
            CorruptRegistry: it is not a manifest of this schema; names the field.
        """
        fields = Fields.parse(key, content).of_schema(SCHEMA).only(*_FIELDS)
        scorer = fields.within("scorer").only("kind", "options")
        features = fields.within("features").only("contract", "contract_hash", "names")
        manifest = cls(
            name=fields.text("name"),
            version=fields.integer("version", least=1),
            created_at=fields.integer("created_at"),
            created_by=fields.text("created_by"),
            scorer_kind=scorer.text("kind"),
            scorer_options=scorer.within("options").values,
            blobs=_blobs(fields.within("blobs")),
            contract=features.within("contract").values,
            contract_hash=features.sha256("contract_hash"),
            feature_names=_texts(features.listed("names")),
            horizon_days=fields.integer("horizon_days", least=1),
            metrics=_numbers(fields.within("metrics")),
            intervals=_intervals(fields.within("intervals")),
            calibration=_calibration(fields.listed("calibration")),
            facts=fields.within("facts").values,
        )
        check_canonical(key, content, manifest.encode())
        return manifest


_FIELDS = (
    "schema name version created_at created_by scorer blobs features horizon_days metrics"
    " intervals calibration facts"
).split()


def _blobs(fields: Fields) -> dict[str, Blob]:
    fields.within(GOLDEN)
    parts = {role: fields.within(role).only("sha256", "size") for role in fields.values}
    return {role: Blob(part.sha256("sha256"), part.integer("size")) for role, part in parts.items()}


def _texts(fields: Fields) -> tuple[str, ...]:
    return tuple(fields.text(position) for position in fields.values)


def _numbers(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields.values}


def _intervals(fields: Fields) -> dict[str, tuple[float, float]]:
    parts = {name: fields.listed(name).only("0", "1") for name in fields.values}
    return {name: (ends.number("0"), ends.number("1")) for name, ends in parts.items()}


def _calibration(fields: Fields) -> tuple[CalibrationBin, ...]:
    names = ("count", "mean_probability", "observed_rate")
    parts = [fields.within(position).only(*names) for position in fields.values]
    return tuple(
        CalibrationBin(
            part.integer("count"), part.number("mean_probability"), part.number("observed_rate")
        )
        for part in parts
    )
