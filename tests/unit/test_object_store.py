import inspect
from pathlib import Path

import obstore.exceptions
import pytest
from obstore.store import S3Store

from adapters.object_store import TRANSLATIONS, ObstoreObjectStore, open_object_store
from domain.errors import InvalidRequest, StoreUnavailable
from tests.builders import missing

VENDOR_ERRORS = [kind for _, kind in inspect.getmembers(obstore.exceptions, inspect.isclass)]


def test_a_missing_folder_is_created_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "registry"
    assert open_object_store(str(folder)).put_if_absent("log/1", b"one")
    assert (folder / "log" / "1").read_bytes() == b"one"


def test_a_folder_and_its_file_url_are_one_store(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    open_object_store(str(folder)).put_if_absent("log/1", b"one")
    assert open_object_store(folder.as_uri()).get("log/1") == b"one"


def test_each_memory_store_is_a_new_one() -> None:
    open_object_store("memory:").put_if_absent("log/1", b"one")
    assert open_object_store("memory:").keys("log/") == []


@pytest.mark.parametrize("location", ["", " ", "gs://bucket", "s3://", "file://host/path", "file:"])
def test_any_other_location_is_refused_with_those_there_are(location: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        open_object_store(location)
    assert caught.value.field == "object store"
    assert repr(location) in caught.value.reason
    assert not missing(caught.value.reason, "file:///path", "memory:", "s3://bucket/prefix")


def test_a_folder_that_cannot_be_created_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="file"):
        open_object_store(str(tmp_path / "file" / "registry"))


def test_a_bucket_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    store = ObstoreObjectStore(S3Store("bucket", retry_config={"max_retries": 0}))
    with pytest.raises(StoreUnavailable):
        store.get("log/1")
    with pytest.raises(StoreUnavailable):
        store.put_if_absent("log/1", b"one")
    with pytest.raises(StoreUnavailable, match=r"^[^\n]+$"):
        store.keys("log/")


def test_a_bucket_is_opened_without_asking_it() -> None:
    assert isinstance(open_object_store("s3://bucket/prefix"), ObstoreObjectStore)


@pytest.mark.parametrize("kind", VENDOR_ERRORS)
def test_every_error_of_the_vendor_has_a_translation(kind: type[Exception]) -> None:
    assert set(kind.__mro__) & set(TRANSLATIONS)
