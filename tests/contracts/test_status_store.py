"""What every StatusStore promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.clock import SystemClock
from adapters.object_store import open_object_store
from domain.values import MICROS_PER_SECOND
from model_registry.ports import StatusStore
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryStatusStore


@pytest.fixture(params=["memory", *OBSTORES])
def store(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> StatusStore:
    if request.param == "memory":
        return MemoryStatusStore(SystemClock())
    return open_object_store(obstore(request.param))


def contents(store: StatusStore, prefix: str = "serving/a/") -> dict[str, bytes]:
    found = store.statuses(prefix)
    assert [status.key for status in found] == sorted(status.key for status in found)
    return {status.key: status.content for status in found}


def test_the_last_content_put_is_what_is_read(store: StatusStore) -> None:
    for content in (b"one", b"", b"a longer one", b"two"):
        store.put_status("serving/a/p1", content)
        assert contents(store) == {"serving/a/p1": content}


def test_only_what_is_under_the_prefix_is_read(store: StatusStore) -> None:
    for key in ("serving/a/p2", "serving/a/p10", "serving/ab/p1", "serving/b/p1"):
        store.put_status(key, key.encode())
    assert list(contents(store)) == ["serving/a/p10", "serving/a/p2"]
    assert contents(store, "serving/none/") == {}


def test_what_was_removed_is_gone_and_removing_again_is_no_error(store: StatusStore) -> None:
    store.put_status("serving/a/p1", b"one")
    store.put_status("serving/a/p2", b"two")
    for _ in range(2):
        store.remove_status("serving/a/p1")
    assert contents(store) == {"serving/a/p2": b"two"}


def test_a_status_tells_when_it_was_written(store: StatusStore) -> None:
    before = SystemClock()()
    store.put_status("serving/a/p1", b"one")
    (status,) = store.statuses("serving/a/")
    assert abs(status.written_at - before) < 60 * MICROS_PER_SECOND


def test_a_reader_never_sees_a_mixture(store: StatusStore) -> None:
    wanted = {bytes([letter]) * 100_000 for letter in b"abcd"}

    def write(content: bytes) -> None:
        for _ in range(20):
            store.put_status("serving/a/p1", content)

    store.put_status("serving/a/p1", next(iter(wanted)))
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, content) for content in wanted]
        while not all(future.done() for future in writing):
            (status,) = store.statuses("serving/a/")
            assert status.content in wanted
        for future in writing:
            future.result()
