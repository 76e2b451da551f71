"""Files that appear under their names only once they are complete."""

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from domain.errors import Rejected


class PendingFiles:
    """Files under way, each under a temporary name in its own folder."""

    def __init__(self) -> None:
        self.partial = False
        self._targets: list[Path] = []
        self._pending: list[Path] = []
        self._streams = ExitStack()

    @property
    def paths(self) -> Sequence[Path]:
        """The names the files get; with `.partial` in them if someone is missing."""
        return [partial_name(path) if self.partial else path for path in self._targets]

    def open(self, path: Path) -> BinaryIO:
        """A new file, on the way to `path`, or to where it links.

        Raises:
            Rejected: no file can be created there.
        """
        path = target_of(path)
        pending = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        self._pending.append(pending)  # first: an interruption may come at any time
        self._targets.append(path)
        with reporting_disk_errors():
            return self._streams.enter_context(pending.open("xb"))

    def complete(self) -> None:
        """Every file is on disk and has its name; an earlier one of that name is replaced."""
        with reporting_disk_errors():
            for pending in self._pending:
                with pending.open("rb+") as file:
                    os.fsync(file.fileno())
            for pending, path in zip(self._pending, self.paths, strict=True):
                pending.replace(path)

    def close(self) -> None:
        """Nothing more is written."""
        with reporting_disk_errors():
            self._streams.close()

    def discard(self) -> None:
        """No temporary file is left."""
        for pending in self._pending:
            pending.unlink(missing_ok=True)


def target_of(path: Path) -> Path:
    """The file that is written for `path`: where it links, if it is a link.

    Raises:
        Rejected: something else than a regular file is there, or where a partial one would be.
    """
    with reporting_disk_errors():
        target = _real(path) if path.is_symlink() else path
        for place in (path, target, partial_name(target)):
            if place.exists() and not place.is_file():
                raise Rejected("--output", f"{place} is there and is no regular file")
        for place in (target, partial_name(target)):
            if place.is_symlink():
                raise Rejected("--output", f"{place} is a link, and not to a place for a file")
    return target


def partial_name(path: Path) -> Path:
    """FILE.partial.csv: not to be mistaken for the whole audience."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def stale_files(output: Path, written: Sequence[Path], *, partial: bool) -> Sequence[Path]:
    """Files of earlier exports to `output` that look like a part of what was written now.

    Beside a partial audience these are partial ones; the whole one of before is no part of it.
    """
    name = part_of(output, partial=partial)
    now = {_real(path) for path in written}
    with reporting_disk_errors():
        beside = sorted(output.parent.iterdir())
    return [path for path in beside if name.fullmatch(path.name) and _real(path) not in now]


def part_of(output: PurePath, *, partial: bool) -> re.Pattern[str]:
    """The names that files of an export to `output` have: all of them, or of a partial one."""
    mark = r"\.partial" if partial else r"(\.partial)?"
    part = r"(\.([2-9]|[1-9]\d{1,2}))?"  # .2025 is rather a year
    stem, suffix = re.escape(output.stem), re.escape(output.suffix)
    return re.compile(rf"{stem}(\.holdout)?{part}{mark}{suffix}")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike resolve(), a loop of links is no error


@contextmanager
def pending_files() -> Iterator[PendingFiles]:
    """Files that appear together at the end of the block, or not at all if it raises.

    Raises:
        Rejected: a file cannot be written, such as on a full disk.
    """
    files = PendingFiles()
    try:
        try:
            yield files
        finally:
            files.close()
        files.complete()
    finally:
        files.discard()


@contextmanager
def reporting_disk_errors() -> Iterator[None]:
    """Trouble with the disk becomes a sentence; a reader of stdout may leave, as always.

    Raises:
        Rejected: what the operating system said.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise Rejected("--output", f"cannot be written: {exc}") from exc
