"""What counting for drift costs one prediction: while it is answered, and aside.

In microseconds of CPU, the best of some rounds, with metrics and without.
Run: python -m benchmarks.drift_cost
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from adapters.feature_sets import built_in_sets
from domain.drift import Reference
from domain.prediction import Prediction
from model_registry.serving import AskedCustomers
from tests.builders import NOW, USD, a_policy, a_served_model
from tests.fakes import SaturatingScorer

PREDICTIONS, ROUNDS = 20_000, 7
SETS = ("total_purchase_volume_30d", "rfm_90d", "lifetime")


def predictions_of(name: str) -> list[Prediction]:
    """One answer about each customer, by a version with a reference; features are drawn by lot."""
    features = built_in_sets()[name].in_currency(USD)
    rng = np.random.default_rng(1)
    matrix = rng.lognormal(2.0, 1.0, (PREDICTIONS, len(features.names))).round(2)
    scores = rng.random(PREDICTIONS)
    reference = Reference.of(features, matrix[:5_000], scores[:5_000], np.arange(5_000))
    model = replace(a_served_model(SaturatingScorer(), features=features), reference=reference)
    decision = a_policy().decide(0.5)
    return [
        Prediction(
            customer_id=f"customer-{number}",
            as_of=NOW,
            category=None,
            probability=score,
            features=dict(zip(features.names, row, strict=True)),
            purchases_read=1,
            decision=decision,
            model=model,
        )
        for number, (row, score) in enumerate(zip(matrix.tolist(), scores.tolist(), strict=True))
    ]


def cost(predictions: list[Prediction], *, metrics: bool) -> tuple[float, float]:
    """Microseconds of CPU for one prediction: while it is answered, and in the thread that counts."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415  # its folder is there first

    from adapters.metrics.drift import DriftMetrics  # noqa: PLC0415

    observe = DriftMetrics(CollectorRegistry()).counted if metrics else None
    answering, aside = float("inf"), float("inf")
    for _ in range(ROUNDS):
        asked = AskedCustomers(lambda: NOW, process="p", observe=observe)
        began = time.process_time()
        for prediction in predictions:
            asked.answered(prediction)
        answered = time.process_time()
        while asked.count():
            pass
        answering = min(answering, answered - began)
        aside = min(aside, time.process_time() - answered)
    return answering / PREDICTIONS * 1e6, aside / PREDICTIONS * 1e6


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    table = Table(
        "features", "metrics", "answering", "aside", title="counting for drift, us of CPU"
    )
    figures: dict[str, tuple[float, float]] = {}
    with TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        for name in SETS:
            predictions = predictions_of(name)
            for metrics in (False, True):
                answering, aside = cost(predictions, metrics=metrics)
                said = "with metrics" if metrics else "without"
                figures[f"{name}, {said}"] = answering, aside
                table.add_row(name, said, f"{answering:.2f}", f"{aside:.2f}")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
