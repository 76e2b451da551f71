"""Physical lines of a text file, one at a time, whatever is in it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from domain.errors import Rejected
from domain.purchases import RawRow

MAX_ROW_BYTES = 2**20
"""A purchase of a megabyte is none; without a limit, one missing line end fills the memory."""

MAX_TEXT_CHARACTERS = 2_000
"""How much of an unreadable row is kept, so that a person can find and mend it."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    r"""One line with its line end. `end` counts the bytes of the file up to and including it.

    Where there is a `problem`, `text` is the beginning of the line, every byte that is not UTF-8
    written as \xNN.
    """

    number: int
    text: str
    problem: str | None
    end: int


@contextmanager
def reading(path: Path, name: str) -> Iterator[BufferedReader]:
    """The open file.

    Raises:
        Rejected: it cannot be opened or read.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as exc:
        raise Rejected("file", f"{name} cannot be read: {exc.strerror or exc}") from exc


def physical_lines(file: BinaryIO) -> Iterator[Line]:
    """Every line of a UTF-8 file; `problem` says why one cannot be read."""
    number = end = 0
    while content := file.readline(MAX_ROW_BYTES):
        number += 1
        end += len(content)
        too_long = len(content) == MAX_ROW_BYTES and not content.endswith(b"\n")
        if too_long:
            end += _skip_rest_of_line(file)
            problem = f"line {number} is longer than {MAX_ROW_BYTES} bytes"
            yield Line(number, _beginning(content), problem, end)
        else:
            yield _decoded(number, content.removeprefix(_BOM) if number == 1 else content, end)


def unreadable(*lines: Line, problem: str) -> RawRow:
    """The row that stands on these lines and cannot be read."""
    text = "".join(line.text for line in lines)[:MAX_TEXT_CHARACTERS].rstrip("\r\n")
    return RawRow(
        number=lines[0].number, raw=None, problem=problem, text=text, progress=lines[-1].end
    )


def up_to(total: int, rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The same rows; the last one has the whole progress, whatever blank lines come after it."""
    last: RawRow | None = None
    for row in rows:
        if last is not None:
            yield last
        last = row
    if last is not None:
        yield replace(last, progress=total)


def _decoded(number: int, content: bytes, end: int) -> Line:
    try:
        return Line(number, content.decode(), None, end)
    except UnicodeDecodeError as exc:
        byte = content[exc.start]
        problem = (
            f"line {number} is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8, or say its "
            "encoding in a mapping"
        )
        return Line(number, _beginning(content), problem, end)


def _beginning(content: bytes) -> str:
    return content[: 4 * MAX_TEXT_CHARACTERS].decode(errors="backslashreplace")[
        :MAX_TEXT_CHARACTERS
    ]


def _skip_rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while content := file.readline(MAX_ROW_BYTES):
        skipped += len(content)
        if content.endswith(b"\n"):
            break
    return skipped
