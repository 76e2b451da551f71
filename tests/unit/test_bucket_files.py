"""Files of an audience that go to a bucket."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.audience_files import open_bucket_files
from adapters.object_store import open_object_store
from domain.audience import Listed, Member
from domain.errors import StoreUnavailable

FOLDER = "s3://shop/audiences"


def listed(customer: str, *, held_out: bool = False) -> Listed:
    return Listed(Member(customer, 0.5), held_out=held_out)


def test_each_file_is_an_object_once_all_are_complete() -> None:
    store = open_object_store("memory:")
    with open_bucket_files("csv", FOLDER, "rings.csv", store=store, holdout=True) as files:
        files.write([listed("c1"), listed("c2", held_out=True)])
        assert store.keys("") == []
    assert files.paths == [f"{FOLDER}/rings.csv", f"{FOLDER}/rings.holdout.csv"]
    assert b"c1" in store.get("rings.csv")
    assert b"c2" in store.get("rings.holdout.csv")


def test_a_partial_audience_leaves_the_whole_one_of_before() -> None:
    store = open_object_store("memory:")
    store.put_status("rings.csv", b"whole")
    with open_bucket_files("csv", FOLDER, "rings.csv", store=store, holdout=False) as files:
        files.write([listed("c1")])
        files.mark_partial()
    assert files.paths == [f"{FOLDER}/rings.partial.csv"]
    assert store.get("rings.csv") == b"whole"


def test_objects_of_an_earlier_export_are_named() -> None:
    store = open_object_store("memory:")
    for key in ("rings.2.csv", "rings.holdout.csv", "earrings.csv", "old/rings.csv"):
        store.put_status(key, b"old")
    with open_bucket_files("csv", FOLDER, "rings.csv", store=store, holdout=False) as files:
        files.write([listed("c1")])
    assert files.stale == [f"{FOLDER}/rings.2.csv", f"{FOLDER}/rings.holdout.csv"]


class _Refusing:
    """A bucket that cannot be listed, and must not be written to."""

    def keys(self, prefix: str, /) -> Sequence[str]:  # noqa: ARG002
        raise StoreUnavailable("NoSuchBucket")

    def put_file(self, key: str, path: Path, /) -> None:  # noqa: ARG002
        raise AssertionError


def test_a_bucket_that_is_not_there_is_named_before_a_customer_is_read() -> None:
    opened = open_bucket_files("csv", FOLDER, "x.csv", store=_Refusing(), holdout=False)
    with pytest.raises(StoreUnavailable, match="s3://shop/audiences cannot be listed"):
        opened.__enter__()


def test_nothing_is_sent_of_an_audience_that_failed() -> None:
    store = open_object_store("memory:")
    with (
        suppress(RuntimeError),
        open_bucket_files("csv", FOLDER, "rings.csv", store=store, holdout=False) as files,
    ):
        files.write([listed("c1")])
        raise RuntimeError("the store is gone")
    assert store.keys("") == []


def test_a_long_file_is_sent_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"0123456789abcdef" * (1 << 20))
    store = open_object_store(str(tmp_path / "bucket"))
    store.put_file("long.csv", path)
    assert store.get("long.csv") == path.read_bytes()
