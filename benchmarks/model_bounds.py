"""What other models make of the sample: bounds for our logistic regression, which they are not to replace.

Gradient boosting on the same features (scikit-learn), and BG/NBD, which knows when somebody bought and
nothing else. All are judged on the same held-out month. BG/NBD's transactions are days with a purchase.

Source of BG/NBD: Fader, Hardie and Lee, Marketing Science 24 (2005) 275-284.
Run: python -m benchmarks.model_bounds
"""

import argparse
import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize
from scipy.special import betaln, gammaln
from sklearn.ensemble import HistGradientBoostingClassifier

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.features import Histories
from domain.purchases.purchase import parse_purchase
from domain.training import TrainingSet, training_set
from domain.values import MICROS_PER_DAY, Currency, instant
from model_registry.evaluation import evaluate
from model_registry.versions import HeldOut

NOW = instant.parse("2026-03-01T12:00:00Z")
CURRENCY = Currency.of("USD")
HORIZON_DAYS = 30
Columns = NDArray[np.float64]


def sample() -> Histories:
    """Every household of the sample."""
    rows = CompleteJourneyPurchases(now=NOW).rows()
    purchases = [parse_purchase(row.raw, currency=CURRENCY, now=NOW) for row in rows]
    return Histories.of([list(each) for _, each in groupby(purchases, lambda p: p.customer_id)])


def examples_of(histories: Histories, features: str) -> TrainingSet:
    """The training set of a built-in set of features."""
    return training_set(
        histories,
        features=built_in_sets()[features].in_currency(CURRENCY),
        horizon_us=HORIZON_DAYS * MICROS_PER_DAY,
        most_cut_offs=6,
    )


def boosted(examples: TrainingSet) -> Columns:
    """What gradient boosting says of the held-out customers."""
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_leaf_nodes=15)
    model.fit(examples.training.matrix, examples.training.labels)
    told: Columns = model.predict_proba(examples.held_out.matrix)[:, 1]
    return told


def recency_and_frequency(histories: Histories, as_of: int) -> tuple[Columns, Columns, Columns]:
    """Repeats, days from first to last, and days from first to now, of who had bought by then."""
    repeats, recency, age = [], [], []
    for start, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True):
        days = np.unique(
            histories.purchased_at[start:end][histories.purchased_at[start:end] <= as_of]
            // MICROS_PER_DAY
        )
        if len(days):
            repeats.append(len(days) - 1)
            recency.append(int(days[-1] - days[0]))
            age.append(as_of // MICROS_PER_DAY - int(days[0]) + 1)
    return np.array(repeats, float), np.array(recency, float), np.array(age, float)


def bg_nbd(histories: Histories, as_of: int) -> Columns:
    """The probability of a purchase within the horizon, fitted on what was known at that instant."""
    x, t_x, age = recency_and_frequency(histories, as_of)

    def loss(logs: Columns) -> float:
        r, alpha, a, b = np.exp(logs)
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        died = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)
        died -= (r + x) * np.log(alpha + t_x)
        both = np.where(x > 0, np.logaddexp(alive, died), alive)
        return -float((common + both).mean())

    r, alpha, a, b = np.exp(minimize(loss, np.zeros(4), method="Nelder-Mead").x)
    died = np.where(
        x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x), 0.0
    )
    buys = 1.0 - ((alpha + age) / (alpha + age + HORIZON_DAYS)) ** (r + x)
    told: Columns = buys / (1.0 + died)
    return told


def figures() -> Mapping[str, Mapping[str, float]]:
    """Each model's metrics on the held-out households."""
    histories = sample()
    found: dict[str, Mapping[str, float]] = {}
    for name in ("total_purchase_volume_30d", "rfm_90d"):
        shorter = examples_of(histories, name)
        found[name] = train(shorter, build_scorer=OnnxScorer.build).metrics
    examples = examples_of(histories, "lifetime")
    found["lifetime"] = train(examples, build_scorer=OnnxScorer.build).metrics
    asked, labels = examples.held_out_sha256, examples.held_out.labels
    bounds = {
        "gradient boosting on lifetime": boosted(examples),
        "BG/NBD": bg_nbd(histories, examples.cut_offs.held_out),
    }
    for name, told in bounds.items():
        found[name] = evaluate(HeldOut(asked, labels, told))
    return found


def main() -> None:
    """Prints the figures, and writes them where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    found = figures()
    table = Table("model", "AUC", "log loss", "ECE")
    for name, metrics in found.items():
        table.add_row(name, *(f"{metrics[each]:.4f}" for each in ("auc", "log_loss", "ece")))
    Console().print(table)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
