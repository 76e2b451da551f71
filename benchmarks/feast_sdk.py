"""The measured process on Feast's side: stored features read by its SDK; runs in .venv-feast.

Every answer is compared with what was stored: Feast gives null where a key stays unread.
"""

import argparse
import random
import time
from collections.abc import Mapping
from pathlib import Path

from feast import FeatureStore

from benchmarks.usage import cpu_seconds, report
from benchmarks.workload import FEAST_FEATURE, customer_id, spent_by

_FEATURE = FEAST_FEATURE.split(":")[1]


def read(store: FeatureStore, customers: list[str]) -> list[float | None]:
    """Every customer's feature, as the SDK gives it to its caller."""
    answer = store.get_online_features(
        features=[FEAST_FEATURE], entity_rows={"customer_id": customers}
    )
    values: list[float | None] = answer.to_dict()[_FEATURE]
    return values


def measured(store: FeatureStore, size: int, *, least: int) -> Mapping[str, float]:
    """The figures of calls for so many entities, until at least `least` were read.

    Raises:
        RuntimeError: an answer is not what was stored.
    """
    customers = [customer_id(number) for number in range(size)]
    stored = [spent_by(number) for number in range(size)]
    read(store, customers)  # connections and lazy imports
    calls = -(-least // size)
    cpu, began = cpu_seconds(), time.perf_counter()
    answers = [read(store, customers) for _ in range(calls)]
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    if any(answer != stored for answer in answers):
        raise RuntimeError(f"{size} entities: an answer is not what was stored")
    return {
        "calls": calls,
        "entities_per_second": calls * size / seconds,
        "cpu_us_per_entity": 1e6 * cpu / (calls * size),
        "ms_per_call": 1e3 * seconds / calls,
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repo", type=Path, required=True)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    arguments.add_argument("--least", type=int, default=10_000)
    options = arguments.parse_args()
    feature_store = FeatureStore(repo_path=str(options.repo))
    sizes = random.sample(options.sizes, len(options.sizes))
    report({str(size): measured(feature_store, size, least=options.least) for size in sizes})
