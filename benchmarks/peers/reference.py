"""The reference design: FastAPI, boto3, one Query of the LSI, a sum, a pickled scikit-learn pipeline.

What one writes first, and what tutorials show. A plain function as handler, which FastAPI runs in
a thread, since boto3 blocks.
"""

import os
import pickle
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
import numpy as np
from boto3.dynamodb.conditions import Key  # type: ignore[import-untyped]  # as above
from fastapi import FastAPI

BANNER_FROM = 0.5
WINDOW_US = 30 * 86_400 * 1_000_000
app = FastAPI()
_table = boto3.resource(
    "dynamodb",
    endpoint_url=os.environ["BENCHMARK_ENDPOINT"],
    region_name="us-east-1",
    aws_access_key_id="benchmark",
    aws_secret_access_key="benchmark",  # noqa: S106  # of no account
).Table("purchases")
_pipeline: Any = pickle.loads(  # noqa: S301  # written by this run's own model process
    Path(os.environ["BENCHMARK_PIPELINE"]).read_bytes()
)


@app.get("/customers/{customer_id}/propensity")
def propensity(customer_id: str, as_of: str | None = None) -> dict[str, object]:
    """The customer's propensity to buy."""
    now = time.time() if as_of is None else datetime.fromisoformat(as_of).timestamp()
    until = round(now * 1e6)
    span = Key("purchased_at").between(until - WINDOW_US + 1, until)
    page = _table.query(
        IndexName="by_time", KeyConditionExpression=Key("customer_id").eq(customer_id) & span
    )
    spent = float(sum(item["amount_minor"] for item in page["Items"])) / 100
    probability = float(_pipeline.predict_proba(np.array([[spent]]))[0, 1])
    return {
        "customer_id": customer_id,
        "probability": probability,
        "show_banner": probability >= BANNER_FROM,
    }
