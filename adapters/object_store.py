"""The object store on obstore: a local folder, memory, or a bucket of S3."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, S3Store

from domain.errors import InvalidRequest, PropensityError, StoreUnavailable
from domain.values import from_datetime
from model_registry.errors import UnknownObject
from model_registry.ports import Status

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Credential

TRANSLATIONS: Mapping[type[Exception], type[PropensityError]] = {
    NotFoundError: UnknownObject,
    FileNotFoundError: UnknownObject,  # what obstore really raises where nothing is found
    BaseError: StoreUnavailable,
    OSError: StoreUnavailable,
    NotImplementedError: StoreUnavailable,
}
"""What becomes of each exception of obstore; subclasses go where their nearest base goes."""

_S3 = re.compile(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\.{1,2}(/|\Z))[^/?#%\\\x00-\x1f\x7f]+)*/?"
)
_RETRY_FOR = timedelta(seconds=20)
_TRUSTED_FOR = timedelta(minutes=5)


class ObstoreObjectStore:
    """An `ObjectStore` and `StatusStore` on any store of obstore with a conditional create.

    A local folder is written through a temporary file and a hard link, so it is atomic too;
    what a killed writer leaves there is never listed.
    """

    def __init__(self, store: LocalStore | MemoryStore | S3Store) -> None:
        self._store = store

    def get(self, key: str, /) -> bytes:
        """The bytes stored under `key`."""
        with _translated():
            return bytes(obstore.get(self._store, key).bytes())

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """Whether this call stored `content`; never in parts, which know no condition."""
        with _translated(absent=StoreUnavailable):
            try:
                obstore.put(self._store, key, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

    def keys(self, prefix: str, /) -> Sequence[str]:
        """Every key that starts with `prefix`, ascending."""
        with _translated(absent=StoreUnavailable):
            pages = obstore.list(self._store, prefix=prefix)
            return sorted(entry["path"] for page in pages for entry in page)

    def put_status(self, key: str, content: bytes, /) -> None:
        """`content` is what is stored under `key` from now on."""
        with _translated(absent=StoreUnavailable):
            obstore.put(self._store, key, content, use_multipart=False)

    def put_file(self, key: str, path: Path, /) -> None:
        """The file's content is what is stored under `key` from now on; a long one goes in parts.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        with _translated(absent=StoreUnavailable):
            obstore.put(self._store, key, path)

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on."""
        try:
            with _translated():
                obstore.delete(self._store, key)
        except UnknownObject:
            return

    def statuses(self, prefix: str, /) -> Sequence[Status]:
        """Every status under the prefix that is still there when it is read."""
        found = (self._status(key) for key in self.keys(prefix))
        return [status for status in found if status is not None]

    def _status(self, key: str) -> Status | None:
        try:
            with _translated():
                answer = obstore.get(self._store, key)
                written_at = from_datetime(answer.meta["last_modified"])
                return Status(key=key, content=bytes(answer.bytes()), written_at=written_at)
        except UnknownObject:
            return None  # removed meanwhile


def open_object_store(location: str) -> ObstoreObjectStore:
    """The store at a folder's path, `file:` URL, `memory:` or `s3://bucket/prefix`.

    A folder is created when missing; `memory:` is a new, empty store each time. S3 finds
    credentials and region as the AWS CLI does; its endpoint is AWS_ENDPOINT_URL's, if that is set.

    Raises:
        InvalidRequest: the location is none of these.
        StoreUnavailable: the folder cannot be created or the bucket's settings are refused.
    """
    url = urlsplit(location)
    with _translated(absent=StoreUnavailable):
        if url.scheme == "memory":
            return ObstoreObjectStore(MemoryStore())
        if url.scheme == "s3" and url.netloc:
            check_s3(location)
            return ObstoreObjectStore(_bucket(location))
        return ObstoreObjectStore(_folder(_path(location)))


def local_folder(location: str) -> Path | None:
    """The folder that a location is; None: it is memory or a bucket."""
    local = urlsplit(location).scheme not in {"memory", "s3"}
    return _path(location) if local else None


def check_s3(location: str) -> None:
    """Returns when the location is a bucket, or a place in one, that means what it says.

    Where it is read as a URL, some characters would name another place.

    Raises:
        InvalidRequest: it is not.
    """
    if _S3.fullmatch(location) is None:
        raise InvalidRequest(
            "object store",
            f"{location!r} must be s3://bucket/prefix, with no empty part, no . or .. as a part, and "
            "none of ? # % \\ or control characters",
        )


def _bucket(location: str) -> S3Store:
    """The bucket, with region and credentials found as by the AWS CLI.

    obstore itself knows no profiles.
    """
    from botocore.session import get_session

    session = get_session()
    config: dict[str, Any] = {}
    if region := session.get_config_variable("region"):
        config["region"] = region
    if (credentials := session.get_credentials()) is not None:
        config["credential_provider"] = partial(_credential, credentials)
    retries: RetryConfig = {"retry_timeout": _RETRY_FOR}
    return S3Store.from_url(location, retry_config=retries, **config)


def _credential(credentials: Any) -> "S3Credential":
    """The credentials as they are now; they are asked for again before they could expire.

    botocore renews those that end at least ten minutes before.
    """
    frozen = credentials.get_frozen_credentials()
    found: S3Credential = {
        "access_key_id": frozen.access_key,
        "secret_access_key": frozen.secret_key,
        "expires_at": datetime.now(UTC) + _TRUSTED_FOR,
    }
    if frozen.token is not None:
        found["token"] = frozen.token
    return found


def _folder(path: Path) -> LocalStore:
    path.mkdir(parents=True, exist_ok=True)
    return LocalStore(path)


def _path(location: str) -> Path:
    url = urlsplit(location)
    if url.scheme == "file" and not url.netloc and url.path:
        return Path(url2pathname(url.path))
    if url.scheme or not location.strip():
        raise InvalidRequest(
            "object store",
            f"{location!r} is none of: a folder's path, file:///path, memory:, s3://bucket/prefix",
        )
    return Path(location)


@contextmanager
def _translated(*, absent: type[PropensityError] = UnknownObject) -> Iterator[None]:
    """Turns obstore's exceptions into ours; `absent` is what a missing thing means here."""
    try:
        yield
    except tuple(TRANSLATIONS) as exc:
        target = next(TRANSLATIONS[kind] for kind in type(exc).__mro__ if kind in TRANSLATIONS)
        reason = str(exc).partition("\n")[0]  # below it is a dump of obstore's internals
        raise (absent if target is UnknownObject else target)(reason) from exc
