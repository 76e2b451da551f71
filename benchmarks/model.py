"""One model for both sides: trained on purchases drawn from a known law, exported and pickled.

Training has a process of its own, so that no measured process carries its memory.
"""

import argparse
import pickle
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adapters.scorers.onnx import OnnxScorer
from adapters.training import HYPERPARAMETERS, train
from api.composition import open_registry
from api.process import Settings
from benchmarks.workload import NOW, WINDOW_DAYS
from domain.features import total_purchase_volume_30d
from domain.training import Examples, TrainingSet
from domain.training.training_set import CutOffs
from domain.values import MICROS_PER_DAY, Currency

ROWS = 2_000
MONTH_US = WINDOW_DAYS * MICROS_PER_DAY


def a_training_set() -> TrainingSet:
    """Examples in which a customer who spent more is the likelier one to buy."""
    return TrainingSet(
        features=total_purchase_volume_30d(Currency.of("USD")),
        cut_offs=CutOffs(
            training=(NOW - 2 * MONTH_US,), held_out=NOW - MONTH_US, horizon_us=MONTH_US
        ),
        training=_examples(seed=1),
        held_out=_examples(seed=2),
        held_out_sha256="0" * 64,
        customers=ROWS,
        purchases=5 * ROWS,
    )


def _examples(*, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    spent = random.lognormal(4.0, 1.0, (ROWS, 1)).round(2)
    chance = 1.0 / (1.0 + np.exp(0.5 - 0.01 * spent[:, 0]))
    customer = np.arange(ROWS, dtype=np.int64)
    return Examples(spent, random.random(ROWS) < chance, customer, np.zeros_like(customer))


def write_model(folder: Path) -> None:
    """The folder holds the export, a registry where it is the champion, and the pipeline itself."""
    training_set = a_training_set()
    candidate = train(training_set, build_scorer=OnnxScorer.build)
    (folder / "model.onnx").write_bytes(candidate.blobs["model"])
    settings = Settings(registry=str(folder / "registry"))
    registry = open_registry(settings)
    manifest = registry.register(settings.model, candidate, actor="benchmark")
    registry.promote(manifest.name, manifest.version, actor="benchmark", reason="benchmark")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(**HYPERPARAMETERS))
    examples = training_set.training
    pipeline.fit(examples.matrix, examples.labels.astype(np.int64))
    (folder / "pipeline.pickle").write_bytes(pickle.dumps(pipeline))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    write_model(arguments.parse_args().folder)
