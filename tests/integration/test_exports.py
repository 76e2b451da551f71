"""Exports of the table: what is learnt from them is what is learnt from the table, to the bit."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from adapters.complete_journey import CompleteJourneyPurchases
from adapters.dynamodb import DynamoClient
from adapters.dynamodb.export import ExportedPurchases, find, write_export
from adapters.dynamodb.export.layout import md5_of
from adapters.dynamodb.export.writing import state_of
from adapters.feature_sets import built_in_sets
from adapters.seen_ids import TemporarySeenIds
from domain.cost import metered
from domain.errors import CorruptRecord, PropensityError, Rejected
from domain.features import Histories
from domain.purchases import Conventions, ImportPurchases, Refund
from domain.retention import FOR_EVER, PurchaseRetention
from domain.training import CollectHistories, TrainingSet, training_set
from domain.values import instant
from tests.builders import DAY, NOW, USD, a_purchase, take_in
from tests.contracts.conftest import SHARDS, Store, dynamo_store, settled
from tests.doubles.memory import ManualClock, MemoryObjectStore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(client: DynamoClient) -> Store:
    return await settled(dynamo_store(client))


async def households(store: Store, count: int) -> None:
    await ImportPurchases(seen=TemporarySeenIds, take_in=take_in(store.recorder))(
        CompleteJourneyPurchases(now=NOW, households=count),
        conventions=Conventions(default_currency=True),
        on_refused=lambda _: None,
        on_progress=lambda _: None,
    )


def exported(
    client: DynamoClient,
    objects: MemoryObjectStore,
    *,
    most: int = 1_000,
    kept: PurchaseRetention = FOR_EVER,
) -> Histories:
    source = ExportedPurchases(
        objects, table=client.purchases.Meta.table_name, shards=SHARDS, retention=kept
    )
    return source.histories(most_customers=most, on_progress=lambda *_: None)


async def online(store: Store, most: int = 1_000) -> Histories:
    collect = CollectHistories(index=store.index, history=store.history, clock=ManualClock(NOW))
    return await collect(most_customers=most, on_progress=lambda *_: None)


def learnt(histories: Histories, features: str) -> TrainingSet:
    return training_set(
        histories,
        features=built_in_sets()[features].in_currency(USD),
        horizon_us=30 * DAY,
        most_cut_offs=6,
    )


def check_the_same(one: Histories, other: Histories) -> None:
    assert list(one.customer_ids) == list(other.customer_ids)
    for features in ("lifetime", "within_category"):
        mine, theirs = learnt(one, features), learnt(other, features)
        assert mine.cut_offs == theirs.cut_offs
        assert mine.held_out_sha256 == theirs.held_out_sha256
        for part in ("training", "held_out"):
            ours, others = getattr(mine, part), getattr(theirs, part)
            assert ours.matrix.tobytes() == others.matrix.tobytes()
            assert ours.labels.tobytes() == others.labels.tobytes()
            assert ours.customer.tobytes() == others.customer.tobytes()


async def change_everything(store: Store) -> None:
    """Purchases are cancelled, refunded, added, and a customer is erased."""
    customers = (await online(store)).customer_ids
    last = {c: (await store.history.between(c, after=0, until=NOW))[-1] for c in customers[:4]}
    first, second, third, fourth = last
    await store.canceller.cancel(first, last[first].purchase_id)
    refund = Refund(NOW - DAY, "back", last[second].amount_minor)
    await store.refunder.refund(second, last[second].purchase_id, refund, dated=True)
    waits = Refund(NOW - DAY, "waits", 1)
    await store.refunder.refund(third, "never came", waits, dated=True)
    late = replace(last[third], purchase_id="late", purchased_at=NOW - 40 * DAY, refunds=())
    await store.recorder.record([late, a_purchase(customer_id="newcomer", purchased_at=NOW - 1)])
    await store.eraser.erase(fourth, suppressed_until=NOW)


@pytest.mark.full
async def test_the_training_set_is_that_of_the_table_to_the_bit_and_changes_go_on_from_it(
    store: Store, client: DynamoClient
) -> None:
    await households(store, 90)
    objects = MemoryObjectStore()
    table = client.purchases.Meta.table_name
    await write_export(client, objects, now=NOW)
    check_the_same(exported(client, objects), await online(store))
    check_the_same(exported(client, objects, most=70), await online(store, most=70))
    for step in (1, 2):
        await change_everything(store)
        since = find(objects, table=table)
        await write_export(client, objects, now=NOW + step, since=since)
        check_the_same(exported(client, objects), await online(store))
    assert len(find(objects, table=table).changes) == 2
    await write_export(client, objects, now=NOW + 3)  # a newer full one makes them needless
    assert find(objects, table=table).changes == []
    check_the_same(exported(client, objects), await online(store))


async def test_nothing_of_the_table_is_read(store: Store, client: DynamoClient) -> None:
    await households(store, 5)
    objects = MemoryObjectStore()
    await write_export(client, objects, now=NOW)
    with metered() as cost:
        assert len(exported(client, objects)) == 5
    assert (cost.round_trips, cost.reads.total) == (0, 0)


async def test_what_is_no_longer_kept_is_left_out(store: Store, client: DynamoClient) -> None:
    for age in (59, 60, 61, 100):
        bought = a_purchase(purchase_id=f"p{age}", purchased_at=NOW - age * DAY)
        await store.recorder.record([bought])
    objects = MemoryObjectStore()
    await write_export(client, objects, now=NOW)
    kept = exported(client, objects, kept=PurchaseRetention(60))
    after = PurchaseRetention(60).taken_after(NOW)
    ages = [NOW - age * DAY for age in (59, 60, 61, 100)]
    assert sorted(kept.purchased_at.tolist()) == sorted(at for at in ages if at > after)
    assert 0 < len(kept.purchased_at) < 4


async def test_the_state_that_changes_lead_to_is_the_table(
    store: Store, client: DynamoClient
) -> None:
    await households(store, 8)
    objects = MemoryObjectStore()
    table = client.purchases.Meta.table_name
    await write_export(client, objects, now=NOW)
    await change_everything(store)
    await write_export(client, objects, now=NOW + 1, since=find(objects, table=table))
    whole = MemoryObjectStore()
    await write_export(client, whole, now=NOW + 1)
    assert state_of(objects, find(objects, table=table)) == state_of(
        whole, find(whole, table=table)
    )


PUBLISHED = {
    "version": "2020-06-30",
    "exportArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/shop-purchases/export/01-ab",
    "startTime": "2026-11-04T07:28:34.028Z",
    "endTime": "2026-11-04T07:33:43.897Z",
    "tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/shop-purchases",
    "tableId": "12345a12-abcd-123a-ab12-1234abc12345",
    "exportTime": "2026-11-04T07:28:34.028Z",
    "s3Bucket": "exports",
    "s3Prefix": "2026-Nov",
    "s3SseAlgorithm": "AES256",
    "s3SseKmsKeyId": None,
    "manifestFilesS3Key": "2026-Nov/AWSDynamoDB/01-ab/manifest-files.json",
    "billedSizeBytes": 0,
    "itemCount": 2,
    "outputFormat": "DYNAMODB_JSON",
}
"""As AWS publishes it; the version and the type of an export came later."""
ITEMS = [
    {
        "Item": {
            "customer_id": {"S": "c1"},
            "purchase_id": {"S": "p1"},
            "purchased_at": {"N": "1760000000000000"},
            "category": {"S": "Bücher"},
            "amount_minor": {"N": "1999"},
            "category_shard": {"S": "Bücher#003"},
            "fingerprint": {"S": "ab"},
        }
    },
    {"Item": {"customer_id": {"S": "c1"}, "purchase_id": {"S": "p2"}, "cancelled_at": {"N": "1"}}},
]


def published(
    change: Callable[[dict[str, Any]], None] = lambda _: None, *, lines: bytes | None = None
) -> MemoryObjectStore:
    """An export in AWS's layout below a prefix, with something changed."""
    text = "\n".join(json.dumps(item) for item in ITEMS).encode() if lines is None else lines
    content = gzip.compress(text)
    empty = gzip.compress(b"")
    parts: dict[str, Any] = {
        "summary": dict(PUBLISHED),
        "files": [
            {
                "itemCount": 2,
                "md5Checksum": md5_of(content),
                "etag": "e-1",
                "dataFileS3Key": "2026-Nov/AWSDynamoDB/01-ab/data/one.json.gz",
            },
            {
                "itemCount": 0,
                "md5Checksum": md5_of(empty),
                "etag": "f-1",
                "dataFileS3Key": "2026-Nov/AWSDynamoDB/01-ab/data/two.json.gz",
            },
        ],
        "one": content,
        "two": empty,
    }
    change(parts)
    objects = MemoryObjectStore()
    folder = "AWSDynamoDB/01-ab"
    files = "\n".join(json.dumps(each) for each in parts["files"])
    objects.put_if_absent(f"{folder}/_started", b"")
    objects.put_if_absent(f"{folder}/manifest-summary.json", json.dumps(parts["summary"]).encode())
    objects.put_if_absent(f"{folder}/manifest-files.json", files.encode())
    for name in ("one", "two"):
        if parts[name] is not None:
            objects.put_if_absent(f"{folder}/data/{name}.json.gz", parts[name])
    return objects


def read(objects: MemoryObjectStore) -> Histories:
    source = ExportedPurchases(objects, table="shop-purchases", shards=16, retention=FOR_EVER)
    return source.histories(most_customers=10, on_progress=lambda *_: None)


def test_an_export_as_aws_publishes_it_is_read() -> None:
    found = read(published())
    assert (list(found.customer_ids), list(found.categories)) == (["c1"], ["Bücher"])
    assert (found.purchased_at.tolist(), found.amount_minor.tolist()) == (
        [1760000000000000],
        [1999],
    )


def set_in(part: str, **values: object) -> Callable[[dict[str, Any]], None]:
    def change(parts: dict[str, Any]) -> None:
        target = parts[part][0] if part == "files" else parts[part]
        target.update(values)

    return change


def without(part: str) -> Callable[[dict[str, Any]], None]:
    return lambda parts: parts.update({part: None})


@pytest.mark.parametrize(
    ("objects", "kind", "named"),
    [
        (MemoryObjectStore(), Rejected, "no full export"),
        (published(set_in("summary", tableArn="arn:x:table/other")), Rejected, "other"),
        (published(set_in("summary", outputFormat="ION")), Rejected, "ION"),
        (published(set_in("summary", itemCount=3)), CorruptRecord, "2 items"),
        (published(set_in("summary", itemCount="many")), CorruptRecord, "manifest-summary"),
        (published(set_in("files", md5Checksum="AAAA")), CorruptRecord, "one.json.gz"),
        (published(set_in("files", itemCount=2, dataFileS3Key=None)), CorruptRecord, "files"),
        (published(without("one")), PropensityError, "one.json.gz"),
        (published(lines=b"{}\n{}"), CorruptRecord, "line 1"),
        (published(lines=json.dumps(ITEMS[0]).encode()), CorruptRecord, "has 1 items"),
        (published(lines=b'{"Item":'), CorruptRecord, "line 1"),
    ],
)
def test_an_export_that_is_not_whole_is_refused_by_its_name(
    objects: MemoryObjectStore, kind: type[PropensityError], named: str
) -> None:
    with pytest.raises(kind, match=named):
        read(objects)


@pytest.mark.parametrize("lacking", ["category", "amount_minor"])
def test_a_purchase_that_lacks_something_is_refused(lacking: str) -> None:
    item = {k: v for k, v in ITEMS[0]["Item"].items() if k != lacking}
    lines = "\n".join(map(json.dumps, [{"Item": item}, ITEMS[1]]))
    with pytest.raises(CorruptRecord, match=lacking):
        read(published(lines=lines.encode()))


def test_a_file_that_was_cut_is_refused() -> None:
    def cut(parts: dict[str, Any]) -> None:
        parts["one"] = parts["one"][:-9]
        parts["files"][0]["md5Checksum"] = md5_of(parts["one"])

    with pytest.raises(CorruptRecord, match="gzip"):
        read(published(cut))


async def test_changes_that_are_missing_are_named(store: Store, client: DynamoClient) -> None:
    await store.recorder.record([a_purchase()])
    objects, table = MemoryObjectStore(), client.purchases.Meta.table_name
    await write_export(client, objects, now=NOW)
    whole = find(objects, table=table)
    late = replace(whole, full=structs.replace(whole.full, export_time=instant.render(NOW + DAY)))
    await write_export(client, objects, now=NOW + 2 * DAY, since=late)
    with pytest.raises(Rejected, match="are missing"):
        exported(client, objects)
