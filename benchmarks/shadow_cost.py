"""What two shadows of every prediction cost: CPU per prediction, with and without, side by side.

Both sides run in this process, on the whole path below HTTP (DynamoDB's Query on a canned
endpoint, features, ONNX scorer, decision) and take turns in shuffled order; the shadows' own
thread counts. Run: python -m benchmarks.shadow_cost
"""

import argparse
import asyncio
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median

from adapters.dynamodb import DynamoPurchaseHistory
from adapters.scorers.onnx import OnnxScorer
from adapters.training import SCORER_OPTIONS
from api.process import freeze_garbage
from benchmarks.audience_stream import a_client
from benchmarks.processes import canned_endpoint, trained_model
from benchmarks.usage import cpu_seconds
from benchmarks.workload import NOW, WINDOW_DAYS, customer_id
from domain.decisions import Policy
from domain.features import total_purchase_volume_30d
from domain.prediction import PredictPropensity, ServedModel, SharedScores, Traffic
from domain.recent import ByTime
from domain.retention import FOR_EVER
from domain.values import Consistency, Currency
from model_registry.serving import ShadowScoring

CUSTOMERS = 2_000
MOST_MORE = 0.05
"""Of the CPU time of a prediction, for two shadows."""
POLICY = Policy(name="banner", min_probability=0.5, max_probability=1.0)


def a_version(folder: Path, number: int) -> ServedModel:
    """A version with an ONNX session of its own."""
    return ServedModel(
        name="propensity",
        version=number,
        revision=1,
        horizon_days=WINDOW_DAYS,
        features=total_purchase_volume_30d(Currency.of("USD")),
        scorer=OnnxScorer.build(SCORER_OPTIONS, {"model": (folder / "model.onnx").read_bytes()}),
    )


async def _cpu_each(predict: PredictPropensity, shadowing: ShadowScoring, count: int) -> float:
    before = cpu_seconds()
    for number in range(count):
        await predict(customer_id(number % CUSTOMERS))
    shadowing.flush()
    return (cpu_seconds() - before) / count


def measure(endpoint: str, folder: Path, *, rounds: int, predictions: int) -> dict[str, float]:
    """Milliseconds of CPU per prediction of both sides, and how much more the shadowed one takes."""
    client = a_client(endpoint)
    plain = Traffic(champion=a_version(folder, 1))
    shadowed = replace(plain, shadows=(a_version(folder, 2), a_version(folder, 3)))
    took: dict[str, list[float]] = {"plain": [], "shadowed": []}
    with ThreadPoolExecutor(1) as shadows:
        shadowing = ShadowScoring(POLICY, hand_off=shadows.submit)
        sides = {
            name: PredictPropensity(
                score=SharedScores(
                    {
                        Consistency.STRONG: ByTime(
                            DynamoPurchaseHistory(client, clock=lambda: NOW, retention=FOR_EVER)
                        )
                    }
                ),
                traffic=lambda _, traffic=traffic: traffic,  # type: ignore[misc]
                policy=POLICY,
                clock=lambda: NOW,
                observe=shadowing.observe,
            )
            for name, traffic in (("plain", plain), ("shadowed", shadowed))
        }
        freeze_garbage()  # as every server does
        for number in range(rounds + 1):
            order = random.sample(list(sides.items()), len(sides))
            for name, predict in order:
                cpu = asyncio.run(_cpu_each(predict, shadowing, predictions))
                if number:  # the first round warms up
                    took[name].append(cpu)
    compared = [report.compared for report in shadowing.reports()]
    client.close()
    if compared != [(rounds + 1) * predictions] * 2:
        raise RuntimeError(f"the shadows did not score every prediction: {compared}")
    one, other = median(took["plain"]), median(took["shadowed"])
    more = median(b / a - 1.0 for a, b in zip(took["plain"], took["shadowed"], strict=True))
    return {"plain_ms": 1e3 * one, "shadowed_ms": 1e3 * other, "more": more}


def main() -> None:
    """Prints the figures; exits with 1 where two shadows cost more than they may."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--predictions", type=int, default=1_000)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    with trained_model() as folder, canned_endpoint(CUSTOMERS) as endpoint:
        figures = measure(endpoint, folder, rounds=options.rounds, predictions=options.predictions)
    sys.stdout.write(json.dumps(figures) + "\n")
    if options.output:
        options.output.write_text(json.dumps(figures))
    sys.exit(figures["more"] > MOST_MORE)


if __name__ == "__main__":
    main()
