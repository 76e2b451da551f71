"""The measured process on the other side: the loop that one writes first.

It queries the index, drops repeated customers, and for each of them queries the LSI, adds up the
amounts and asks the pipeline. boto3's client, not its resource: the faster one of the two.
"""

import argparse
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
import numpy as np

from benchmarks.usage import cpu_seconds, peak_mb, report
from benchmarks.workload import CATEGORY, NOW, SHARDS, WINDOW_DAYS, customer_id, customer_number
from domain.values import MICROS_PER_DAY

AFTER = NOW - WINDOW_DAYS * MICROS_PER_DAY


def customers_of(client: Any, category: str) -> Iterator[str]:
    """Every customer of the category, once."""
    seen: set[str] = set()
    pages = client.get_paginator("query")
    for shard in range(SHARDS):
        for page in pages.paginate(
            TableName="purchases",
            IndexName="by_category",
            KeyConditionExpression="category_shard = :shard",
            ProjectionExpression="customer_id",
            ExpressionAttributeValues={":shard": {"S": f"{category}#{shard:03d}"}},
        ):
            for item in page["Items"]:
                customer = item["customer_id"]["S"]
                if customer not in seen:
                    seen.add(customer)
                    yield customer


def probability(client: Any, pipeline: Any, customer: str) -> float:
    """The propensity of one customer; five purchases always fit into one page."""
    page = client.query(
        TableName="purchases",
        IndexName="by_time",
        KeyConditionExpression="customer_id = :customer AND purchased_at BETWEEN :first AND :last",
        ConsistentRead=True,
        ExpressionAttributeValues={
            ":customer": {"S": customer},
            ":first": {"N": str(AFTER + 1)},
            ":last": {"N": str(NOW)},
        },
    )
    spent = sum(int(item["amount_minor"]["N"]) for item in page["Items"]) / 100
    return float(pipeline.predict_proba(np.array([[spent]]))[0, 1])


def loop(endpoint: str, pipeline: Any, sample: int) -> dict[str, object]:
    """The figures of one loop; `scores` are those of the first `sample` customers."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",  # noqa: S106  # of no account
    )
    probability(client, pipeline, customer_id(0))  # connections and lazy imports
    before_mb, cpu, began = peak_mb(), cpu_seconds(), time.perf_counter()
    scores = {
        customer: probability(client, pipeline, customer)
        for customer in customers_of(client, CATEGORY)
    }
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return {
        "customers": len(scores),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "before_mb": before_mb,
        "peak_mb": peak_mb(),
        "scores": {c: p for c, p in scores.items() if customer_number(c) < sample},
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--sample", type=int, default=0)
    options = arguments.parse_args()
    trained = pickle.loads(  # noqa: S301  # written by this run's own model process
        (options.folder / "pipeline.pickle").read_bytes()
    )
    report(loop(options.endpoint, trained, options.sample))
