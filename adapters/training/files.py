"""Training sets as Parquet files: every row with its customer, cut-off, features and label.

What the features are, and what was held out, stands in the file's metadata. So a model that is fitted
elsewhere on such a file can come back with proof.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.errors import Rejected
from domain.features import FeatureSet
from domain.training import Examples, TrainingSet
from domain.values import MICROS_PER_DAY

_KEY = b"propensity"
TRAINING, HELD_OUT = "training", "held_out"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportedSet:
    """What a file of a training set says: its features, and the rows that were held out."""

    features: FeatureSet
    horizon_days: int
    held_out: Examples
    held_out_sha256: str
    held_out_cut_off: int


def write_training_set(path: Path, training_set: TrainingSet, customer_ids: Sequence[str]) -> int:
    """Writes every row, and returns how many; `customer_ids` has the ids by their places.

    Raises:
        Rejected: the file cannot be written.
    """
    table = pa.concat_tables(
        [
            _table(training_set.training, TRAINING, training_set.features, customer_ids),
            _table(training_set.held_out, HELD_OUT, training_set.features, customer_ids),
        ]
    )
    about = {
        "features": training_set.features.contract,
        "horizon_days": training_set.cut_offs.horizon_us // MICROS_PER_DAY,
        "held_out_sha256": training_set.held_out_sha256,
        "held_out_cut_off": training_set.cut_offs.held_out,
    }
    try:
        pq.write_table(table.replace_schema_metadata({_KEY: json.dumps(about)}), path)
    except OSError as exc:
        raise Rejected(str(path), f"cannot be written: {exc.strerror or exc}") from exc
    return int(table.num_rows)


def read_training_set(path: Path) -> ExportedSet:
    """What such a file says.

    Raises:
        Rejected: the file cannot be read, or is none of a training set; says why.
    """
    try:
        table = pq.read_table(path, filters=[("split", "=", HELD_OUT)])
        about: dict[str, Any] = json.loads((table.schema.metadata or {})[_KEY])
        features = FeatureSet.from_contract(about["features"])
        horizon_days, asked = int(about["horizon_days"]), str(about["held_out_sha256"])
        cut_off = int(about["held_out_cut_off"])
        held_out = _examples(table, features)
    except (OSError, pa.ArrowException) as exc:
        raise Rejected(str(path), f"cannot be read: {exc}") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise Rejected(
            str(path), f"is no training set of this version: {exc}; write it again"
        ) from exc
    return ExportedSet(
        features=features,
        horizon_days=horizon_days,
        held_out=held_out,
        held_out_sha256=asked,
        held_out_cut_off=cut_off,
    )


def _table(
    examples: Examples, split: str, features: FeatureSet, customer_ids: Sequence[str]
) -> pa.Table:
    ids = np.array(customer_ids, dtype=object)
    categories: NDArray[Any] | list[None] = [None] * len(examples)
    if examples.category is not None:
        categories = np.array(examples.categories, dtype=object)[examples.category]
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array(ids[examples.customer], pa.string()),
        "cut_off": pa.array(examples.cut_off, pa.timestamp("us", tz="UTC")),
        "category": pa.array(categories, pa.string()),
        **{
            name: pa.array(examples.matrix[:, column], pa.float64())
            for column, name in enumerate(features.names)
        },
        "label": pa.array(examples.labels, pa.bool_()),
        "split": pa.array([split] * len(examples), pa.string()),
    }
    return pa.table(columns)


def _examples(table: pa.Table, features: FeatureSet) -> Examples:
    _, customer = np.unique(table["customer_id"].to_pylist(), return_inverse=True)
    names = [name or "" for name in table["category"].to_pylist()]
    categories, category = np.unique(names, return_inverse=True)
    return Examples(
        matrix=np.stack([table[name].to_numpy() for name in features.names], axis=1),
        labels=table["label"].to_numpy().astype(np.bool_),
        customer=customer.astype(np.int64),
        cut_off=table["cut_off"].cast(pa.int64()).to_numpy(),
        category=category.astype(np.int64) if features.targeted else None,
        categories=categories.tolist() if features.targeted else (),
    )
