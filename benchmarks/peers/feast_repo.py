"""A Feast feature repository with one feature, applied and written to DynamoDB; runs in .venv-feast.

Feast keeps what somebody computed: here, what each customer spent in the window. The endpoint is in
BENCHMARK_ENDPOINT, then and whenever the repository is read.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, String

from benchmarks.workload import FEAST_FEATURE, NOW, customer_id, spent_by

_VIEW, _FEATURE = FEAST_FEATURE.split(":")
_CONFIGURATION = """\
project: benchmark
provider: local
registry: registry.db
entity_key_serialization_version: 3
online_store:
  type: dynamodb
  region: us-east-1
  endpoint_url: ${BENCHMARK_ENDPOINT}
"""


def write(folder: Path, customers: int) -> None:
    """The folder is a repository, and its online store holds so many customers."""
    (folder / "feature_store.yaml").write_text(_CONFIGURATION)
    rows = pd.DataFrame(
        {
            "customer_id": [customer_id(number) for number in range(customers)],
            "event_timestamp": datetime.fromtimestamp(NOW / 1e6, UTC),
            _FEATURE: [spent_by(number) for number in range(customers)],
        }
    )
    offline = folder / "spending.parquet"
    rows.to_parquet(offline)
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
    view = FeatureView(
        name=_VIEW,
        entities=[customer],
        schema=[Field(name="customer_id", dtype=String), Field(name=_FEATURE, dtype=Float64)],
        source=FileSource(path=str(offline), timestamp_field="event_timestamp"),
    )
    store = FeatureStore(repo_path=str(folder))
    store.apply([customer, view])
    store.write_to_online_store(_VIEW, rows)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("customers", type=int)
    options = arguments.parse_args()
    write(options.folder, options.customers)
