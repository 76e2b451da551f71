"""A candidate trained elsewhere: a folder with `candidate.json` and the files that it names."""

from collections.abc import Mapping
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from typing import Any

import msgspec
from msgspec import Struct

from domain.drift import Reference
from domain.errors import Rejected
from domain.features import DeclaredSet, FeatureSet
from domain.values import Currency
from model_registry.errors import CorruptRegistry
from model_registry.storage import canonical
from model_registry.versions import (
    CalibrationBin,
    Candidate,
    GoldenVectors,
    HeldOut,
    decode_reference,
)

CANDIDATE = "candidate.json"
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
"""How a pickle of each binary protocol begins. Source: pickletools."""


class _Scorer(Struct, forbid_unknown_fields=True):
    kind: str
    options: dict[str, Any] = {}


class _Row(Struct, forbid_unknown_fields=True):
    count: int
    mean_probability: float
    observed_rate: float


class _Description(Struct, forbid_unknown_fields=True):
    scorer: _Scorer
    files: dict[str, str]
    features: str | dict[str, Any]
    horizon_days: int
    matrix: list[list[float]]
    probabilities: list[float]
    metrics: dict[str, float] = {}
    calibration: list[_Row] = []
    intervals: dict[str, tuple[float, float]] = {}
    held_out: dict[str, Any] | None = None
    reference: dict[str, Any] | None = None
    facts: dict[str, Any] = {}


def read_candidate(folder: Path, currency: Currency, sets: Mapping[str, DeclaredSet]) -> Candidate:
    """The candidate that a folder describes, its features in the deployment's currency.

    `sets` are the feature sets that it may name.

    Raises:
        Rejected: a file is missing, or is not what it should be; names the file and the field.
    """
    try:
        description = msgspec.json.decode(_content(folder, CANDIDATE), type=_Description)
    except msgspec.MsgspecError as exc:
        raise Rejected(str(folder / CANDIDATE), str(exc)) from exc
    features = _features(description.features, currency, sets)
    return Candidate(
        scorer_kind=description.scorer.kind,
        scorer_options=description.scorer.options,
        blobs={role: _content(folder, name) for role, name in description.files.items()},
        features=features,
        horizon_days=description.horizon_days,
        golden=_golden(description),
        metrics=description.metrics,
        calibration=[
            CalibrationBin(row.count, row.mean_probability, row.observed_rate)
            for row in description.calibration
        ],
        facts=description.facts,
        intervals=description.intervals,
        held_out=_held_out(description.held_out),
        reference=_reference(description.reference, features),
    )


def _features(
    described: str | dict[str, Any], currency: Currency, sets: Mapping[str, DeclaredSet]
) -> FeatureSet:
    """The features by the name of a set, or by their contract."""
    if isinstance(described, str):
        if described not in sets:
            known = ", ".join(sets)
            raise Rejected("features", f"{described!r:.80} is none of: {known}")
        return sets[described].in_currency(currency)
    try:
        features = FeatureSet.from_contract(described)
    except ValueError as exc:
        raise Rejected("features", str(exc)) from exc
    if features.currency != currency:
        raise Rejected(
            "features", f"are in {features.currency.code}, this deployment has {currency.code}"
        )
    return features


def _held_out(described: dict[str, Any] | None) -> HeldOut | None:
    if described is None:
        return None
    try:
        return HeldOut.decode("held_out", canonical(described))
    except CorruptRegistry as exc:
        raise Rejected("held_out", exc.reason) from exc


def _reference(described: dict[str, Any] | None, features: FeatureSet) -> Reference | None:
    if described is None:
        return None
    try:
        return decode_reference("reference", canonical(described), features.names)
    except CorruptRegistry as exc:
        raise Rejected("reference", exc.reason) from exc


def _golden(description: _Description) -> GoldenVectors:
    plain = {"matrix": description.matrix, "probabilities": description.probabilities}
    try:
        return GoldenVectors.decode("matrix", canonical(plain))
    except CorruptRegistry as exc:
        raise Rejected("matrix, probabilities", exc.reason) from exc


def _content(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise Rejected("files", f"{name!r:.80} must be a file's name, in the folder itself")
    path = folder / name
    try:
        kind = path.lstat().st_mode
        if S_ISLNK(kind):
            raise Rejected(str(path), "is a link; put the file itself into the folder")
        if not S_ISREG(kind):
            raise Rejected(str(path), "is no file")
        content = path.read_bytes()
    except OSError as exc:
        raise Rejected(str(path), f"cannot be read: {exc.strerror}") from exc
    if not content:
        raise Rejected(str(path), "is empty")
    if content.startswith(_PICKLES):
        raise Rejected(
            str(path), "is a pickle, which may run anything when it is read; export it to ONNX"
        )
    return content
