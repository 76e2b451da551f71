"""The floor: Litestar, aiohttp, botocore's signer, orjson, the sum of the amounts, nothing else.

The same read as ours (`item`: the recent purchases; `index`: the LSI) without checks, retries, deadlines,
costs, features, model or decision.
"""

import os
from binascii import a2b_base64
from datetime import datetime
from typing import Any

import aiohttp
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from litestar import Litestar, Response, get
from litestar.datastructures import State

ENDPOINT = os.environ["BENCHMARK_ENDPOINT"] + "/"
WINDOW_US = 30 * 86_400 * 1_000_000
_signer = SigV4Auth(Credentials("benchmark", "benchmark"), "dynamodb", "us-east-1")


async def _asked(state: State, operation: str, request: dict[str, object]) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
    }
    signed = AWSRequest("POST", ENDPOINT, headers=headers, data=orjson.dumps(request))
    _signer.add_auth(signed)
    async with state.http.post(ENDPOINT, data=signed.data, headers=dict(signed.headers)) as answer:
        document: dict[str, Any] = orjson.loads(await answer.read())
    return document


@get("/item/{customer_id:str}")
async def item(customer_id: str, as_of: str, state: State) -> Response[bytes]:
    """What the customer spent, out of the item of recent purchases."""
    del as_of
    request = {
        "TableName": "recent_purchases",
        "Key": {"customer_id": {"S": customer_id}},
        "ConsistentRead": True,
    }
    found: dict[str, Any] = (await _asked(state, "GetItem", request))["Item"]
    spent = 0
    for name, value in found.items():
        if name[0] == "d":
            spent += sum(int.from_bytes(a2b_base64(each)[5:8]) for each in value["BS"])
    return _answer(customer_id, spent)


@get("/index/{customer_id:str}")
async def index(customer_id: str, as_of: str, state: State) -> Response[bytes]:
    """What the customer spent, out of the LSI."""
    until = round(datetime.fromisoformat(as_of).timestamp() * 1e6)
    request = {
        "TableName": "purchases",
        "IndexName": "by_time",
        "KeyConditionExpression": "customer_id = :c AND purchased_at BETWEEN :f AND :l",
        "ExpressionAttributeValues": {
            ":c": {"S": customer_id},
            ":f": {"N": str(until - WINDOW_US + 1)},
            ":l": {"N": str(until)},
        },
        "ConsistentRead": True,
    }
    found: list[Any] = (await _asked(state, "Query", request))["Items"]
    return _answer(customer_id, sum(int(each["amount_minor"]["N"]) for each in found))


def _answer(customer_id: str, spent: int) -> Response[bytes]:
    return Response(orjson.dumps({"customer_id": customer_id, "spent": spent / 100}))


async def _open(app: Litestar) -> None:
    app.state.http = aiohttp.ClientSession()


async def _close(app: Litestar) -> None:
    await app.state.http.close()


app = Litestar([item, index], on_startup=[_open], on_shutdown=[_close], openapi_config=None)
