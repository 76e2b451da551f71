"""What each of our own steps of a prediction costs: again and again, and after other work.

A server that is asked once in a while finds neither code nor data of a step in the processor's caches.
So each step is timed twice: hot, in a loop, and cold, after 12 MB of other memory were written.
The rest of a request is the web server's, the framework's and the HTTP client's, which the floor of
`prediction_cost` has too. Run: python -m benchmarks.prediction_parts
"""

import argparse
import gc
import json
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from botocore.credentials import ReadOnlyCredentials
from litestar.datastructures import MultiDict
from litestar.serialization import encode_json
from rich.console import Console
from rich.table import Table

from adapters.dynamodb.recent.history import recent_history
from adapters.dynamodb.recent.marks import Marks
from adapters.dynamodb.schema import (
    category_attribute,
    day_attribute,
    encode_elements,
    kept_attribute,
)
from adapters.dynamodb.wire.answers import document_of
from adapters.dynamodb.wire.capacity import read_units
from adapters.dynamodb.wire.signing import signed_headers
from adapters.listening import HOST
from adapters.scorers.onnx import OnnxScorer
from adapters.training import SCORER_OPTIONS
from api.documents.prediction import CustomerPropensity
from api.http.parameters import check_names, decoded, instant_of
from benchmarks.processes import trained_model
from benchmarks.workload import CATEGORY, NOW, customer_id, purchases_of
from domain.cost import Units, count_round_trip, count_units, metered
from domain.decisions import Policy
from domain.features import Histories, total_purchase_volume_30d
from domain.prediction import Prediction, ServedModel
from domain.purchases import PurchaseColumns
from domain.retention import Retention
from domain.values import Currency, day_of, instant

PURCHASES = 10
OTHER_MEMORY = 12 * 1024 * 1024 // 8
TIMES = 500
POLICY = Policy(name="banner", min_probability=0.5, max_probability=1.0)
CUSTOMER = customer_id(1)
NO_MARKS = Marks({}, totals=True)
Step = Callable[[], object]


def an_item(retention: Retention) -> dict[str, dict[str, object]]:
    """The recent item of a customer with ten purchases."""
    item: dict[str, dict[str, object]] = {
        "customer_id": {"S": CUSTOMER},
        "expires_at": {"N": str(NOW // 1_000_000)},
        "writes": {"N": "10"},
        kept_attribute(retention.days): {"N": str(day_of(NOW))},
        category_attribute(CATEGORY): {"N": str(PURCHASES)},
    }
    for purchase in purchases_of(1, now=NOW, count=PURCHASES):
        name = day_attribute(day_of(purchase.purchased_at))
        elements = item.get(name, {}).get("BS", [])
        item[name] = {"BS": [*elements, *encode_elements(purchase)]}  # type: ignore[misc]
    return item


def steps(model_blob: bytes) -> Mapping[str, Step]:
    """Our own steps, in their order."""
    retention, as_of = Retention(32), instant.render(NOW)
    features = total_purchase_volume_30d(Currency.of("USD"))
    after = features.reach.after(NOW)
    scorer = OnnxScorer.build(SCORER_OPTIONS, {"model": model_blob})
    model = ServedModel(
        name="propensity", version=1, revision=1, horizon_days=30, features=features, scorer=scorer
    )
    query = MultiDict([("as_of", as_of)])
    request = {
        "TableName": "recent_purchases",
        "Key": {"customer_id": {"S": CUSTOMER}},
        "ConsistentRead": True,
        "ReturnConsumedCapacity": "TOTAL",
    }
    key = ReadOnlyCredentials("benchmark", "benchmark", None)
    item = an_item(retention)
    capacity = {"TableName": "recent_purchases", "CapacityUnits": 1.0}
    body = msgspec.json.encode({"Item": item, "ConsumedCapacity": capacity})
    checksum = str(zlib.crc32(body))
    answer = document_of(body, checksum)
    history = recent_history(CUSTOMER, item, retention, NO_MARKS, NOW)
    columns = PurchaseColumns.of(history.purchases)
    histories = Histories.of([columns])
    matrix = features.matrix(histories, NOW)
    probability = float(scorer.score(matrix)[0])
    prediction = Prediction(
        customer_id=CUSTOMER,
        as_of=NOW,
        category=None,
        probability=probability,
        features=dict(zip(features.names, matrix[0].tolist(), strict=True)),
        purchases_read=PURCHASES,
        decision=POLICY.decide(probability),
        model=model,
    )

    def read_request() -> tuple[str, int | None]:
        check_names(query, ["as_of"])
        return decoded(CUSTOMER, "customer_id"), instant_of(as_of)

    def meter() -> CustomerPropensity:
        with metered() as cost:
            count_round_trip()
            count_units(reads=Units(measured=1.0))
        return CustomerPropensity.of(prediction, cost)

    sent = meter()
    return {
        "read the request": read_request,
        "encode and sign": lambda: signed_headers(
            key,
            "GetItem",
            msgspec.json.encode(request),
            host=HOST,
            region="us-east-1",
            at=time.time(),
        ),
        "check and decode the answer (zlib, msgspec)": lambda: document_of(body, checksum),
        "read units": lambda: read_units("GetItem", request, answer),
        "decode the item": lambda: recent_history(CUSTOMER, item, retention, NO_MARKS, NOW),
        "choose the span": lambda: (
            history.covers(after=after, until=NOW),
            PurchaseColumns.of(history.purchases).within(after=after, until=NOW),
        ),
        "columns (numpy)": lambda: Histories.of([columns]),
        "features (numpy)": lambda: features.matrix(histories, NOW),
        "score (ONNX Runtime)": lambda: scorer.score(matrix),
        "decide": lambda: POLICY.decide(probability),
        "meter and answer": meter,
        "encode (msgspec)": lambda: encode_json(sent),
    }


def microseconds(step: Step, *, between: Step) -> float:
    """The median time of a step, with something between two of them."""
    took: list[int] = []
    for _ in range(TIMES):
        between()
        began = time.perf_counter_ns()
        step()
        took.append(time.perf_counter_ns() - began)
    return median(took) / 1e3


def measure() -> dict[str, dict[str, float]]:
    """Every step, hot and cold."""
    other = np.zeros(OTHER_MEMORY)
    with trained_model() as folder:
        ours = steps((folder / "model.onnx").read_bytes())
    gc.freeze()
    return {
        name: {
            "hot_us": microseconds(step, between=lambda: None),
            "cold_us": microseconds(step, between=lambda: other.__iadd__(1.0)),
        }
        for name, step in ours.items()
    }


def main() -> None:
    """Prints the steps."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, help="write the figures as JSON")
    options = arguments.parse_args()
    figures = measure()
    shown = Table("step", "hot us", "cold us", title="our own steps of one prediction")
    for name, found in figures.items():
        shown.add_row(name, f"{found['hot_us']:.1f}", f"{found['cold_us']:.1f}")
    sums = [sum(found[key] for found in figures.values()) for key in ("hot_us", "cold_us")]
    shown.add_row("all of them", *(f"{each:.1f}" for each in sums))
    Console().print(shown)
    if options.output:
        options.output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
