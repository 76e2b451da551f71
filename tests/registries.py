"""Registries in memory, candidates that pass their gates, and a store that can be damaged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from domain.errors import StoreUnavailable
from domain.features import FeatureSet, total_purchase_volume_30d
from domain.prediction import Scorer
from domain.values import Currency
from model_registry.gates import LoadGates
from model_registry.ports import ObjectStore, ScorerFactory
from model_registry.registry import Registry
from model_registry.versions import CalibrationBin, Candidate, GoldenVectors
from tests.builders import NOW, USD
from tests.doubles.memory import ManualClock, MemoryObjectStore

NAME = "propensity"


class LogisticScorer:
    """1 / (1 + exp(-weight * first feature))."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-self.weight * matrix[:, 0]))
        return result


def logistic(options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> Scorer:
    """Builds a LogisticScorer, whose weight is the blob `model`."""
    if options:
        raise ValueError(f"a logistic scorer has no options such as {sorted(options)}")
    return LogisticScorer(float(blobs["model"]))


FACTORIES: Mapping[str, ScorerFactory] = {"logistic": logistic}


def a_candidate(weight: float = 0.01, *, features: FeatureSet | None = None) -> Candidate:
    """A candidate that passes every gate; another weight is another model."""
    matrix = np.array([[0.0], [0.1], [12.5], [400.0]])
    return Candidate(
        scorer_kind="logistic",
        scorer_options={},
        blobs={"model": repr(weight).encode()},
        features=features or total_purchase_volume_30d(USD),
        horizon_days=30,
        golden=GoldenVectors(matrix, LogisticScorer(weight).score(matrix)),
        metrics={"auc": 0.84, "log_loss": 0.5},
        calibration=(CalibrationBin(10, 0.25, 0.3),),
        facts={"purchases": 40_000, "libraries": {"numpy": "2"}},
    )


def golden_of(matrix: object, probabilities: object) -> GoldenVectors:
    """Golden vectors of any shape."""
    return GoldenVectors(np.array(matrix, dtype=float), np.array(probabilities, dtype=float))


def with_golden(candidate: Candidate, golden: GoldenVectors) -> Candidate:
    """The same candidate with other golden vectors."""
    return replace(candidate, golden=golden)


def a_registry(
    store: ObjectStore | None = None,
    *,
    currency: Currency = USD,
    factories: Mapping[str, ScorerFactory] = FACTORIES,
) -> Registry:
    """A registry at NOW that knows the kind `logistic`, by default on an empty store."""
    return Registry(
        store=MemoryObjectStore() if store is None else store,
        clock=ManualClock(NOW),
        gates=LoadGates(scorer_factory=factories.__getitem__, currency=currency),
    )


class FragileStore(MemoryObjectStore):
    """A store in memory whose objects can be damaged, and which can fall silent."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: tuple[str, ...] = ()

    def get(self, key: str, /) -> bytes:
        self._answer(key)
        return super().get(key)

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        self._answer(key)
        return super().put_if_absent(key, content)

    def keys(self, prefix: str, /) -> Sequence[str]:
        self._answer(prefix)
        return super().keys(prefix)

    def overwrite(self, key: str, content: bytes) -> None:
        """Puts other bytes where some were."""
        assert key in self._objects
        self._objects[key] = content

    def lose(self, key: str) -> None:
        """Forgets an object."""
        del self._objects[key]

    def restore(self, objects: Mapping[str, bytes]) -> None:
        """All is again as it was."""
        self._objects = dict(objects)

    def everything(self) -> dict[str, bytes]:
        """A copy of all that is stored."""
        return dict(self._objects)

    def _answer(self, key: str) -> None:
        if key.startswith(self.silent):
            raise StoreUnavailable(f"no answer about {key}")
