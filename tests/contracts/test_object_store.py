"""What every ObjectStore promises."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from adapters.embedded import EmbeddedEngine
from adapters.object_store import open_object_store
from domain.errors import InvalidRequest, StoreUnavailable
from model_registry.errors import UnknownObject
from model_registry.ports import ObjectStore
from tests.contracts.buckets import location
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryObjectStore

WRITERS = 8
LARGE = 6 * 1024 * 1024
"""More than obstore would send in one part."""


@pytest.fixture(params=["memory", *OBSTORES])
def store(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectStore:
    if request.param == "memory":
        return MemoryObjectStore()
    return open_object_store(obstore(request.param))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\n", b"x" * LARGE], ids=len)
def test_what_was_put_is_what_is_read(store: ObjectStore, content: bytes) -> None:
    assert store.put_if_absent("blobs/one", content)
    assert store.get("blobs/one") == content


def test_nothing_is_stored_under_an_unknown_key(store: ObjectStore) -> None:
    store.put_if_absent("models/a/log/1", b"one")
    for key in ("models/a/log/2", "models/a", "models"):
        with pytest.raises(UnknownObject):
            store.get(key)


@pytest.mark.parametrize("size", [1, LARGE])
def test_nothing_is_ever_overwritten(store: ObjectStore, size: int) -> None:
    assert store.put_if_absent("key", b"first")
    assert not store.put_if_absent("key", b"x" * size)
    assert not store.put_if_absent("key", b"first")
    assert store.get("key") == b"first"


def test_keys_ascend_and_start_with_the_prefix(store: ObjectStore) -> None:
    for key in ("a/10", "a/09", "a/2", "ab/1", "a/deep/1", "b/1"):
        store.put_if_absent(key, b"")
    assert store.keys("a/") == ["a/09", "a/10", "a/2", "a/deep/1"]


def test_a_prefix_nobody_wrote_under_has_no_keys(store: ObjectStore) -> None:
    assert store.keys("models/a/log/") == []


def test_of_many_writers_of_one_key_exactly_one_wins(store: ObjectStore) -> None:
    keys = [f"log/{number:02d}" for number in range(50)]
    start = Barrier(WRITERS)

    def write(writer: int) -> list[bool]:
        start.wait()
        return [store.put_if_absent(key, b"%d" % writer) for key in keys]

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(write, range(WRITERS)))

    for position, key in enumerate(keys):
        winners = [writer for writer in range(WRITERS) if won[writer][position]]
        assert [b"%d" % writer for writer in winners] == [store.get(key)]


def test_readers_see_an_object_whole_or_not_at_all(store: ObjectStore) -> None:
    keys = [f"blobs/{number:02d}" for number in range(20)]
    content = b"x" * 300_000
    start = Barrier(2)

    def read() -> Sequence[bytes]:
        start.wait()
        seen: set[str] = set()
        contents = []
        while len(seen) < len(keys):
            new = [key for key in store.keys("blobs/") if key not in seen]
            seen.update(new)
            contents += [store.get(key) for key in new]
        return contents

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        start.wait()
        for key in keys:
            store.put_if_absent(key, content)
        assert reading.result() == [content] * len(keys)


def test_what_a_killed_writer_leaves_in_a_folder_is_not_listed(tmp_path: Path) -> None:
    store = open_object_store(str(tmp_path))
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "1.json#1").write_bytes(b"ha")

    assert store.keys("log/") == []
    assert store.put_if_absent("log/1.json", b"whole")
    assert (store.keys("log/"), store.get("log/1.json")) == (["log/1.json"], b"whole")


def test_a_folder_in_which_nothing_can_be_written_is_unavailable(tmp_path: Path) -> None:
    store = open_object_store(str(tmp_path / "registry"))
    (tmp_path / "registry").rmdir()
    (tmp_path / "registry").write_bytes(b"a file")
    with pytest.raises(StoreUnavailable):
        store.put_if_absent("log/1", b"one")
    assert (tmp_path / "registry").read_bytes() == b"a file"


def test_a_bucket_that_is_not_there_is_unavailable_and_named(s3: EmbeddedEngine) -> None:
    with location(s3, bucket="no-such-bucket") as url:
        store = open_object_store(url)
        with pytest.raises(StoreUnavailable, match="no-such-bucket"):
            store.put_if_absent("log/1", b"one")


@pytest.mark.parametrize(
    "location",
    ["s3://", "s3://b", "s3:///x", "S3://bucket/x", "s3://user:word@bucket/x", "s3://bucket:99/x"]
    + [f"s3://bucket/{part}/x" for part in ("", ".", "..", "a?b", "a#b", "a%20b", "a\nb", "a\\b")],
)
def test_a_location_that_would_mean_another_place_is_refused(location: str) -> None:
    with pytest.raises(InvalidRequest, match="s3://bucket/prefix"):
        open_object_store(location)


WRITER = """
import sys

from adapters.object_store import open_object_store

store = open_object_store(sys.argv[1])
print(flush=True)
for number in range(10**6):
    store.put_if_absent(f"log/{number:08d}", b"x" * 100_000)
"""


@pytest.mark.parametrize("after", range(3))
def test_a_writer_that_is_really_killed_leaves_every_object_whole(
    tmp_path: Path, after: int
) -> None:
    store = open_object_store(str(tmp_path))
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        while len(store.keys("log/")) <= after:
            assert writer.poll() is None
        writer.kill()
    keys = store.keys("log/")
    assert keys == [f"log/{number:08d}" for number in range(len(keys))]
    assert {store.get(key) for key in keys} == {b"x" * 100_000}
    assert store.put_if_absent(f"log/{len(keys):08d}", b"the next one")
