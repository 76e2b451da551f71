"""Versions: immutable models as they are registered and stored."""

from model_registry.versions.candidate import CalibrationBin, Candidate, GoldenVectors
from model_registry.versions.draft import Draft
from model_registry.versions.held_out import HeldOut
from model_registry.versions.manifest import GOLDEN, HELD_OUT, Blob, Manifest

__all__ = [
    "GOLDEN",
    "HELD_OUT",
    "Blob",
    "CalibrationBin",
    "Candidate",
    "Draft",
    "GoldenVectors",
    "HeldOut",
    "Manifest",
]
