"""What lies where in an export to S3. Source: AWS, "DynamoDB table export output format".

A location holds AWSDynamoDB/EXPORT/manifest-summary.json for each export, and beside it the list of
its data files. Their keys are of the bucket, so they are looked up from AWSDynamoDB on.
"""

import base64
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from domain.errors import CorruptRecord, Rejected
from domain.values import instant

ROOT = "AWSDynamoDB/"
SUMMARY = "manifest-summary.json"
FILES = "manifest-files.json"
INCREMENTAL = "INCREMENTAL_EXPORT"
FULL = "FULL_EXPORT"
JSON = "DYNAMODB_JSON"


class Objects(Protocol):
    """The objects of a location; an `ObjectStore` is one."""

    def get(self, key: str, /) -> bytes:
        """The bytes of an object."""
        ...

    def keys(self, prefix: str, /) -> Sequence[str]:
        """The keys that begin so."""
        ...


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an export says of itself; times as RFC 3339 texts."""

    table_arn: str
    export_arn: str = ""
    export_time: str = ""
    export_type: str = FULL
    export_from_time: str | None = None
    export_to_time: str | None = None
    output_format: str = JSON
    item_count: int
    manifest_files: str = msgspec.field(name="manifestFilesS3Key")

    @property
    def begins(self) -> int:
        """From when on it holds what changed, microseconds since the epoch, UTC; included."""
        return instant.parse(self.export_from_time or self.export_time)

    @property
    def ends(self) -> int:
        """As of when it is, microseconds since the epoch, UTC."""
        return instant.parse(self.export_to_time or self.export_time)

    @property
    def incremental(self) -> bool:
        """Whether it holds changes only."""
        return self.export_type == INCREMENTAL


class DataFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One file of items, compressed by gzip."""

    item_count: int
    md5: str = msgspec.field(name="md5Checksum")
    key: str = msgspec.field(name="dataFileS3Key")


@dataclass(frozen=True, slots=True)
class Exports:
    """A full export and the incremental ones that go on from it, in order."""

    full: Summary
    changes: Sequence[Summary]

    @property
    def known_until(self) -> int:
        """As of when the table is known, microseconds since the epoch, UTC."""
        return max(each.ends for each in (self.full, *self.changes))

    @property
    def items(self) -> int:
        """How many items all of them hold."""
        return sum(each.item_count for each in (self.full, *self.changes))


def find(objects: Objects, *, table: str) -> Exports:
    """The newest full export of that table there, and the incremental ones since.

    Raises:
        Rejected: there is no full export, one is of another table or format, or changes are missing.
        CorruptRecord: a manifest is none.
    """
    names = [key for key in objects.keys(ROOT) if key.endswith(f"/{SUMMARY}")]
    found = [_decoded(Summary, objects.get(name), name) for name in names]
    for name, each in zip(names, found, strict=True):
        if each.table_arn.rpartition("/")[2] != table:
            raise Rejected("--export", f"{name} is of {each.table_arn}, not of a table {table}")
        if each.output_format != JSON:
            raise Rejected("--export", f"{name} is {each.output_format}: export {JSON} instead")
    full = [each for each in found if not each.incremental]
    if not full:
        raise Rejected(
            "--export", f"holds no full export: give the folder or s3://bucket/prefix of {ROOT}"
        )
    newest = max(full, key=lambda each: each.ends)
    changes = sorted(
        (each for each in found if each.incremental and each.ends > newest.ends),
        key=lambda each: (each.begins, each.ends),
    )
    until = newest.ends
    for each in changes:
        if each.begins > until:
            raise Rejected(
                "--export",
                f"changes from {instant.render(until)} to {instant.render(each.begins)} are missing: "
                "export those too, or a newer full one",
            )
        until = max(until, each.ends)
    return Exports(newest, changes)


def data_files(objects: Objects, summary: Summary) -> Sequence[DataFile]:
    """The data files of one export.

    Raises:
        CorruptRecord: the list is none, or does not hold as many items as the summary says.
    """
    name = here(summary.manifest_files)
    lines = objects.get(name).splitlines()
    files = [_decoded(DataFile, line, name) for line in lines if line.strip()]
    listed = sum(each.item_count for each in files)
    if listed != summary.item_count:
        raise CorruptRecord(f"{name} lists {listed} items, {SUMMARY} {summary.item_count}")
    return files


def content_of(objects: Objects, file: DataFile) -> bytes:
    """The bytes of a data file, which are those that were written.

    Raises:
        CorruptRecord: they are not.
    """
    content = objects.get(here(file.key))
    if md5_of(content) != file.md5:
        raise CorruptRecord(f"{here(file.key)} is not what was exported: its MD5 differs")
    return content


def here(key: str) -> str:
    """Where an object of the bucket lies below the location."""
    return key[max(0, key.find(ROOT)) :]


def md5_of(content: bytes) -> str:
    """The checksum as a manifest has it; no secret depends on it."""
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _decoded(kind: Any, content: bytes, name: str) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as exc:
        raise CorruptRecord(f"{name} is no manifest of an export: {exc}") from exc


def lines_of(content: bytes, name: str) -> Iterator[bytes]:
    """The lines of a compressed file, one after the other.

    Raises:
        CorruptRecord: it is not gzip, or is cut.
    """
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            yield from stream
    except (OSError, EOFError, zlib.error) as exc:
        raise CorruptRecord(f"{name} cannot be read as gzip: {exc}") from exc
