"""Plain files: whatever comes is unpacked and written as UTF-8 lines or Parquet, aside, once.

Nothing is guessed. What a file is, its first bytes say, or its name. Where a file is no plain one, a
copy is made in a temporary folder (TMPDIR). So it can be read twice, in bounded memory.
"""

import json
import shutil
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from adapters.purchase_files.arrays import write_elements
from adapters.purchase_files.packed import gunzip, unzstd
from adapters.purchase_files.workbooks import write_sheet
from domain.errors import Rejected

STDIN = "-"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZIP, _OLD_EXCEL, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_CHUNK = 2**16
_HEAD = 4096
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"


class TemporaryFolder:
    """A folder that is gone once nobody refers to this."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="propensity-import-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Kind(StrEnum):
    """How the rows of a plain file are written."""

    DELIMITED = "delimited"
    NDJSON = "ndjson"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A file as it is read: where it lies, what it is called, and what was done to it."""

    path: Path
    name: str
    kind: Kind
    notes: tuple[str, ...] = ()
    folder: TemporaryFolder | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Copies:
    """The steps that a file went through; each writes a new copy and drops the one before."""

    path: Path
    name: str
    notes: list[str] = field(default_factory=list)
    folder: TemporaryFolder | None = None

    def step(self, note: str, write: Callable[[Path], None]) -> None:
        """One step more: `write` makes the copy."""
        if self.folder is None:
            self.folder = TemporaryFolder()
        copy = self.folder.path / str(len(self.notes))
        try:
            write(copy)
        except OSError as exc:
            raise Rejected("file", f"{self.name} cannot be read: {exc.strerror or exc}") from exc
        if self.path.parent == copy.parent:
            self.path.unlink()
        self.path = copy
        self.notes.append(note)

    def head(self) -> bytes:
        """The first bytes."""
        try:
            with self.path.open("rb") as file:
                return file.read(_HEAD)
        except OSError as exc:
            raise Rejected("file", f"{self.name} cannot be read: {exc.strerror or exc}") from exc


def plain_file(path: Path, *, encoding: str | None = None) -> Plain:
    """The file as a plain one.

    Raises:
        Rejected: no such file, or one that cannot be read with certainty; says what to do.
    """
    copies = _opened(path)
    _unpack(copies)
    head, ending = copies.head(), _ending(path)
    if head.startswith(_PARQUET) or ending == ".parquet":
        kind = Kind.PARQUET
    elif head.startswith(_OLD_EXCEL):
        raise Rejected("file", f"{copies.name} is an old Excel workbook; save it as .xlsx")
    elif head.startswith(_ZIP):
        copies.step(
            "the first sheet of a workbook",
            lambda copy: write_sheet(copies.path, copies.name, copy),
        )
        kind = Kind.DELIMITED
    else:
        kind = _text_kind(copies, head, ending, encoding)
    return Plain(
        path=copies.path,
        name=copies.name,
        kind=kind,
        notes=tuple(copies.notes),
        folder=copies.folder,
    )


def _opened(path: Path) -> _Copies:
    if str(path) == STDIN:
        copies = _Copies(path, "standard input")
        copies.step("read to its end", lambda copy: _copy(sys.stdin.buffer, copy))
        return copies
    if not path.is_file():
        raise Rejected("file", f"{path} is no file" if path.exists() else f"{path} does not exist")
    return _Copies(path, path.name)


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in {".gz", ".zst"}:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _unpack(copies: _Copies) -> None:
    head = copies.head()
    if head.startswith(_GZIP):
        copies.step("unpacked from gzip", lambda copy: gunzip(copies.path, copies.name, copy))
    elif head.startswith(_ZSTD):
        copies.step("unpacked from zstd", lambda copy: unzstd(copies.path, copies.name, copy))
    else:
        return
    if copies.head().startswith((_GZIP, _ZSTD)):
        raise Rejected("file", f"{copies.name} is compressed twice; unpack it once")


def _copy(source: IO[bytes], copy: Path) -> None:
    with copy.open("wb") as file:
        shutil.copyfileobj(source, file)


def _text_kind(copies: _Copies, head: bytes, ending: str, encoding: str | None) -> Kind:
    head = _in_utf8(copies, head, encoding)
    first = head.removeprefix(_UTF8_BOM).lstrip()[:1]
    delimited = ending in {".csv", ".tsv", ".txt"}
    if first == b"[" and not delimited:
        copies.step("one JSON array", lambda copy: write_elements(copies.path, copies.name, copy))
        return Kind.NDJSON
    if ending in {".ndjson", ".jsonl"} or (first == b"{" and not delimited):
        if ending == ".json":
            _check_lines(copies, head)
        return Kind.NDJSON
    if delimited or not ending:
        return Kind.DELIMITED
    raise Rejected(
        "file",
        f"{copies.name} must be .csv, .tsv, .ndjson, .json, .parquet or .xlsx (also .gz or .zst)",
    )


def _in_utf8(copies: _Copies, head: bytes, encoding: str | None) -> bytes:
    """The first bytes, once the text is UTF-8 whose lines end with LF."""
    if head.startswith(_UTF16):
        encoding = encoding or "utf-16"
    if encoding is not None:
        copies.step(f"in {encoding}", lambda copy: _transcode(copies, copy, encoding))
        head = copies.head()
    elif b"\x00" in head:
        raise Rejected(
            "file",
            f"{copies.name} is no text in UTF-8; if it is text, say its encoding in a mapping",
        )
    if b"\r" in head and b"\n" not in head:
        copies.step("lines end with CR", lambda copy: _with_line_feeds(copies, copy))
        head = copies.head()
    return head


def _check_lines(copies: _Copies, head: bytes) -> None:
    """Returns when the first line of a JSON file is an object of its own."""
    line, more, _ = head.removeprefix(_UTF8_BOM).lstrip().partition(b"\n")
    try:
        document = json.loads(line) if more or len(head) < _HEAD else {}
    except ValueError:
        document = None
    if document is None or (isinstance(document, dict) and document.keys() == {"purchases"}):
        raise Rejected(
            "file", f"{copies.name} is one JSON object; send a list [...], or one object per line"
        )


def _with_line_feeds(copies: _Copies, copy: Path) -> None:
    """As old Macs and some exports for Excel end lines; bytes that are no UTF-8 stay as they are."""
    with copies.path.open("rb") as file, copy.open("wb") as written:
        while chunk := file.read(_CHUNK):
            written.write(chunk.replace(b"\r", b"\n"))


def _transcode(copies: _Copies, copy: Path, encoding: str) -> None:
    try:
        with (
            copies.path.open(encoding=encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as file,
        ):
            shutil.copyfileobj(text, file)
    except LookupError as exc:
        raise Rejected("--mapping", f"there is no encoding {encoding!r}") from exc
    except UnicodeError as exc:
        raise Rejected("file", f"{copies.name} is not in {encoding}: {exc}") from exc
