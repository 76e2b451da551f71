"""The spread of a version's inputs at training, as it is stored beside the model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.drift import SCORE, WIDTH, Bins, Reference
from model_registry.errors import CorruptRegistry
from model_registry.storage import Count, Text, canonical, check_canonical, decoded


@dataclass(frozen=True, slots=True)
class _Input:
    name: Text
    edges: list[float]
    nothing: float | None
    missing: Count
    counts: list[Count]


@dataclass(frozen=True, slots=True)
class _Stored:
    inputs: list[_Input]


def encode_reference(reference: Reference) -> bytes:
    """The bins and counts as canonical JSON, whose floats read back to the last bit."""
    return canonical(
        {
            "inputs": [
                {
                    "name": name,
                    "edges": bins.edges.tolist(),
                    "nothing": bins.nothing,
                    "missing": row[0],
                    "counts": row[1 : 1 + len(bins)],
                }
                for name, bins, row in zip(
                    reference.inputs, reference.bins, reference.tally.tolist(), strict=True
                )
            ]
        }
    )


def decode_reference(key: str, content: bytes, features: Sequence[str]) -> Reference:
    """The reference stored under `key`, of a version with these features.

    Raises:
        CorruptRegistry: it is none, or of other features; says why.
    """
    stored = decoded(key, content, _Stored).inputs
    names = tuple(each.name for each in stored)
    if names != (*features, SCORE):
        raise CorruptRegistry(key, f"is of {', '.join(names)}, not of the version's inputs")
    try:
        bins = tuple(Bins(np.array(each.edges, np.float64), each.nothing) for each in stored)
        tally = np.zeros((len(bins), WIDTH), dtype=np.int64)
        for row, each, those in zip(tally, stored, bins, strict=True):
            row[: 1 + len(those)] = [each.missing, *each.counts]
        reference = Reference(names, bins, tally)
    except (ValueError, OverflowError) as exc:
        raise CorruptRegistry(key, f"is no spread of inputs ({exc})") from exc
    check_canonical(key, content, encode_reference(reference))
    return reference
