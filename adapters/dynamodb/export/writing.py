"""Exports of the embedded engine, as DynamoDB writes them to S3: for trying, and for tests.

Everything is held in memory, and the table is scanned: only an engine on this machine is asked.
"""

import gzip
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from adapters.dynamodb.export.layout import (
    FILES,
    FULL,
    INCREMENTAL,
    JSON,
    ROOT,
    SUMMARY,
    Exports,
    Objects,
    Summary,
    content_of,
    data_files,
    lines_of,
    md5_of,
)
from adapters.dynamodb.schema import shard_of
from adapters.dynamodb.wire import DynamoClient
from domain.errors import CorruptRecord
from domain.values import instant

Item = Mapping[str, Any]
_PARTITIONS = 4
_ACCOUNT = "arn:aws:dynamodb:us-east-1:000000000000:table/"


class Writable(Objects, Protocol):
    """Objects that can be added to; an `ObjectStore` is one."""

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """Whether this call stored the object."""
        ...


async def write_export(
    client: DynamoClient, objects: Writable, *, now: int, since: Exports | None = None
) -> str:
    """The name of a new export of the table `purchases`: all of it, or what changed `since`.

    `now` in microseconds since the epoch, UTC.

    Raises:
        StoreUnavailable: the table, or the location, did not answer.
    """
    table = client.purchases.Meta.table_name
    pages = client.pages(client.read_deadline(), "Scan", {"TableName": table})
    items = {_key(item): item async for page in pages for item in page["Items"]}
    name = f"{now // 1_000:014d}-{secrets.token_hex(4)}"
    records: Mapping[tuple[str, str], object]
    if since is None:
        folder = f"{ROOT}{name}/data/"
        records = {key: {"Item": item} for key, item in items.items()}
        about: dict[str, object] = {"exportTime": instant.render(now), "exportType": FULL}
    else:
        folder = f"{ROOT}data/"
        records = _changes(state_of(objects, since), items, now)
        about = {
            "exportType": INCREMENTAL,
            "exportFromTime": instant.render(since.known_until),
            "exportToTime": instant.render(now),
            "outputView": "NEW_AND_OLD_IMAGES",
        }
    files = [_put_data(objects, folder, some) for some in _partitions(records)]
    listed = "\n".join(map(json.dumps, files)).encode()
    summary = {
        "version": "2020-06-30" if since is None else "2023-08-01",
        "exportArn": f"{_ACCOUNT}{table}/export/{name}",
        "startTime": instant.render(now),
        "endTime": instant.render(now),
        "tableArn": _ACCOUNT + table,
        "tableId": "00000000-0000-0000-0000-000000000000",
        **about,
        "s3Bucket": "bucket",
        "s3Prefix": None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{ROOT}{name}/{FILES}",
        "billedSizeBytes": 0,
        "itemCount": len(records),
        "outputFormat": JSON,
    }
    objects.put_if_absent(f"{ROOT}{name}/_started", b"")
    for file, content in ((FILES, listed), (SUMMARY, json.dumps(summary, indent=2).encode())):
        objects.put_if_absent(f"{ROOT}{name}/{file}", content)
        checksum = file.replace(".json", ".checksum")
        objects.put_if_absent(f"{ROOT}{name}/{checksum}", md5_of(content).encode())
    return name


def state_of(objects: Objects, exports: Exports) -> dict[tuple[str, str], Item]:
    """Every item as of the end of these exports, by its key.

    Raises:
        CorruptRecord: a file is not what was exported.
    """
    state = {_key(line["Item"]): line["Item"] for line in _lines(objects, exports.full)}
    for summary in exports.changes:
        for line in _lines(objects, summary):
            if "NewImage" in line:
                state[_key(line["Keys"])] = line["NewImage"]
            else:
                state.pop(_key(line["Keys"]), None)
    return state


def _lines(objects: Objects, summary: Summary) -> Sequence[Any]:
    lines: list[Any] = []
    for file in data_files(objects, summary):
        lines += map(json.loads, lines_of(content_of(objects, file), file.key))
    if len(lines) != summary.item_count:
        raise CorruptRecord(f"{summary.manifest_files} lists {summary.item_count} items")
    return lines


def _changes(
    before: Mapping[tuple[str, str], Item], after: Mapping[tuple[str, str], Item], now: int
) -> dict[tuple[str, str], object]:
    found: dict[tuple[str, str], object] = {}
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        customer, purchase = key
        record: dict[str, object] = {
            "Metadata": {"WriteTimestampMicros": {"N": str(now - 1)}},
            "Keys": {"customer_id": {"S": customer}, "purchase_id": {"S": purchase}},
        }
        if old is not None:
            record["OldImage"] = old
        if new is not None:
            record["NewImage"] = new
        found[key] = record
    return found


def _partitions(records: Mapping[tuple[str, str], object]) -> Sequence[Sequence[object]]:
    """At least one file of each partition, which may be empty, as DynamoDB does."""
    found: list[list[object]] = [[] for _ in range(_PARTITIONS)]
    for (customer, _), record in records.items():
        found[shard_of(customer, _PARTITIONS)].append(record)
    return found


def _put_data(objects: Writable, folder: str, records: Sequence[object]) -> Mapping[str, object]:
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    content = gzip.compress(lines.encode(), mtime=0)
    key = f"{folder}{secrets.token_hex(13)}.json.gz"
    objects.put_if_absent(key, content)
    return {
        "itemCount": len(records),
        "md5Checksum": md5_of(content),
        "etag": f"{secrets.token_hex(16)}-1",
        "dataFileS3Key": key,
    }


def _key(item: Item) -> tuple[str, str]:
    return item["customer_id"]["S"], item["purchase_id"]["S"]
