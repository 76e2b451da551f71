"""Which actions IAM asks for when a request is sent to AWS, and on which resource."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import unescape

Grants = set[tuple[str, str]]
"""Actions, each with the resource it is done to."""
_WRITES = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
}
_OBJECT_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",  # of an upload in parts: its beginning and its end
    "DELETE": "DeleteObject",
}


def of_dynamodb(operation: str, request: dict[str, Any]) -> Grants:
    """Each action with a table, or table/index/name."""
    if operation == "TransactWriteItems":
        pairs = [pair for item in request["TransactItems"] for pair in item.items()]
        return {(f"dynamodb:{_WRITES[kind]}", each["TableName"]) for kind, each in pairs}
    if operation in {"BatchGetItem", "BatchWriteItem"}:
        return {(f"dynamodb:{operation}", name) for name in request["RequestItems"]}
    index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
    return {(f"dynamodb:{operation}", request["TableName"] + index)}


def of_sqs(operation: str, request: dict[str, Any]) -> Grants:
    """The action with the queue's name; a batch is an action like the single call."""
    queue = request.get("QueueName") or request["QueueUrl"].rsplit("/", 1)[-1]
    return {(f"sqs:{operation.removesuffix('Batch')}", queue)}


def of_secrets(operation: str, request: dict[str, Any]) -> Grants:
    """The action with the secret's name, as the end of its ARN."""
    return {(f"secretsmanager:{operation}", request["SecretId"].split(":", 5)[-1])}


def of_s3(method: str, target: str, body: bytes) -> Grants:
    """The action with bucket, or bucket/key."""
    url = urlsplit(target)
    bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
    if key:
        aborted = method == "DELETE" and "uploadId" in parse_qs(url.query)
        action = "AbortMultipartUpload" if aborted else _OBJECT_ACTIONS[method]
        return {(f"s3:{action}", f"{bucket}/{key}")}
    if (method, url.query) == ("POST", "delete"):
        keys = re.findall("<Key>(.+?)</Key>", body.decode())
        return {("s3:DeleteObject", f"{bucket}/{unescape(each)}") for each in keys}
    assert (method, "list-type" in parse_qs(url.query)) == ("GET", True), (method, target)
    return {("s3:ListBucket", bucket)}
