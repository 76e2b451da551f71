"""Files of an audience that go to a bucket: written here first, then sent."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Protocol

from adapters.audience_files.opening import AudienceFiles, open_audience_files
from adapters.audience_files.pending import part_of
from domain.audience import Listed
from domain.errors import StoreUnavailable


class Bucket(Protocol):
    """Where the files go."""

    def put_file(self, key: str, path: Path, /) -> None:
        """The file's content is what is stored under `key` from now on."""
        ...

    def keys(self, prefix: str, /) -> Sequence[str]:
        """Every key that starts with `prefix`, ascending."""
        ...


class BucketFiles:
    """An audience on its way to a bucket; each object appears whole, one after another."""

    def __init__(self, files: AudienceFiles, folder: str, name: str, beside: Sequence[str]) -> None:
        self._files = files
        self._folder = folder
        self._name = PurePosixPath(name)
        self._beside = beside

    @property
    def paths(self) -> Sequence[str]:
        """The objects; all there once the block that opened them has ended."""
        return [f"{self._folder}/{path.name}" for path in self._files.paths]

    @property
    def stale(self) -> Sequence[str]:
        """Objects of earlier exports beside these; known once the block has ended."""
        name = part_of(self._name, partial=self._files.partial)
        now = {path.name for path in self._files.paths}
        return [
            f"{self._folder}/{key}"
            for key in self._beside
            if name.fullmatch(key) and key not in now
        ]

    @property
    def escaped(self) -> int:
        """How many customer ids begin with a ' that is not theirs."""
        return self._files.escaped

    @property
    def merged(self) -> int:
        """How many customers are another one's mail address; known once the block has ended."""
        return self._files.merged

    def write(self, listed: Sequence[Listed], /) -> None:
        """These members come next.

        Raises:
            Rejected: the disk refuses, such as when it is full.
        """
        self._files.write(listed)

    def mark_partial(self) -> None:
        """Someone is missing: the objects are named NAME.partial.csv."""
        self._files.mark_partial()


@contextmanager
def open_bucket_files(  # noqa: PLR0913  # what open_audience_files takes, and a place
    kind: str, folder: str, name: str, *, store: Bucket, holdout: bool, excel: bool = False
) -> Iterator[BucketFiles]:
    """Objects below `folder`, which `store` opens; sent when the block ends well, else not.

    The bucket is listed first: what does not answer is known before a customer is read.

    Raises:
        Rejected: the disk refuses, or the format does not take these customers.
        StoreUnavailable: the bucket did not answer, or does not exist.
    """
    try:
        beside = store.keys("")
    except StoreUnavailable as exc:
        raise StoreUnavailable(f"{folder} cannot be listed: {exc}", transient=False) from exc
    with TemporaryDirectory(prefix="propensity-") as here:
        opened = open_audience_files(
            kind, Path(here) / name, stdout=io.BytesIO(), holdout=holdout, excel=excel
        )
        with opened as files:
            yield BucketFiles(files, folder, name, beside)
        for path in files.paths:
            store.put_file(path.name, path)
