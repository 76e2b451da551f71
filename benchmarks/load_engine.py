"""Fills an embedded engine with the workload, through the adapters that the product writes with."""

import argparse
import asyncio

from adapters.dynamodb import DynamoClient, DynamoPurchaseRecorder, DynamoTables
from benchmarks.audience_stream import a_client
from benchmarks.workload import NOW, SHARDS, WINDOW_DAYS, purchases_of
from domain.retention import Retention
from domain.values import Window


async def load(endpoint: str, customers: int, *, now: int, tenths_apart: int) -> None:
    """The tables exist and hold every purchase of so many customers."""
    client = a_client(endpoint)
    try:
        DynamoTables(client).create()
        if now == NOW:
            _keep_what_expired(client)
        recorder = DynamoPurchaseRecorder(
            client,
            clock=lambda: now,
            retention=Retention.covering(Window.days(WINDOW_DAYS)),
            shards=SHARDS,
        )
        for number in range(customers):
            await recorder.record(purchases_of(number, now=now, tenths_apart=tenths_apart))
    finally:
        client.close()


def _keep_what_expired(client: DynamoClient) -> None:
    """The workload's present lies in the past, where all recent purchases have expired since."""
    client.connection.client.update_time_to_live(
        TableName=client.recent.Meta.table_name,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--customers", type=int, required=True)
    arguments.add_argument("--now", type=int, default=NOW)
    arguments.add_argument("--tenths-apart", type=int, default=55)
    options = arguments.parse_args()
    asyncio.run(
        load(
            options.endpoint, options.customers, now=options.now, tenths_apart=options.tenths_apart
        )
    )
