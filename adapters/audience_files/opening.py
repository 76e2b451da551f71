"""Which files a format makes, and that they appear only when all of them are complete."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from adapters.audience_files.campaign import CampaignSheet, Parts
from adapters.audience_files.pending import (
    PendingFiles,
    pending_files,
    reporting_disk_errors,
    stale_files,
    target_of,
)
from adapters.audience_files.profiles import PROFILES
from adapters.audience_files.sheets import CsvSheet, NdjsonSheet, Sheet, parquet_sheet
from domain.audience import Listed
from domain.errors import Rejected


class AudienceFiles:
    """An audience on its way to its files: one of customers to mail, one of those held out."""

    def __init__(self, sheets: Sequence[Sheet], files: PendingFiles, output: Path | None) -> None:
        self._sheets = sheets
        self._files = files
        self._output = output

    @property
    def paths(self) -> Sequence[Path]:
        """The files; all there once the block that opened them has ended."""
        return self._files.paths

    @property
    def partial(self) -> bool:
        """Whether someone is missing."""
        return self._files.partial

    @property
    def stale(self) -> Sequence[Path]:
        """Files of earlier exports beside these; known once the block has ended.

        Raises:
            Rejected: the folder cannot be listed.
        """
        if self._output is None:
            return ()
        return stale_files(self._output, self.paths, partial=self._files.partial)

    @property
    def escaped(self) -> int:
        """How many customer ids begin with a ' that is not theirs."""
        return sum(sheet.escaped for sheet in self._sheets)

    @property
    def merged(self) -> int:
        """How many customers are another one's mail address; known once the block has ended."""
        return sum(sheet.merged for sheet in self._sheets)

    def write(self, listed: Sequence[Listed], /) -> None:
        """These members come next.

        Raises:
            Rejected: the disk refuses, such as when it is full.
        """
        with reporting_disk_errors():
            if len(self._sheets) == 1:
                self._sheets[0].write(listed)
                return
            for held_out, sheet in enumerate(self._sheets):
                sheet.write([item for item in listed if item.held_out == held_out])

    def mark_partial(self) -> None:
        """Someone is missing: the files are named FILE.partial.csv, and FILE.csv stays as it is."""
        self._files.partial = True

    def finish(self) -> None:
        """Every member has been handed on.

        Raises:
            Rejected: the tool does not take these customers, or the disk refuses.
        """
        with reporting_disk_errors():
            for sheet in self._sheets:
                sheet.finish()


@contextmanager
def open_audience_files(
    kind: str, output: Path | None, *, stdout: BinaryIO, holdout: bool, excel: bool = False
) -> Iterator[AudienceFiles]:
    """Where an audience goes: `stdout`, or files that appear together when the block ends well.

    With a holdout, those held out go to a second file, FILE.holdout.csv; on `stdout`, a column
    says who they are. Where `output` is a link, every file is named after and beside its target.
    `excel` begins CSV with a byte order mark, by which Excel knows UTF-8.

    Raises:
        Rejected: the files cannot be created, or the format needs files.
    """
    if excel and kind != "csv":
        raise Rejected("--excel", f"goes with --format csv, not {kind}")
    with pending_files() as files, ExitStack() as stack:
        if output is None:
            sheets: list[Sheet] = [_stdout_sheet(kind, stdout, marks_holdout=holdout, excel=excel)]
        else:
            output = target_of(output)
            paths = [output, _held_out(output)] if holdout else [output]
            sheets = _sheets(kind, paths, files, stack, excel=excel)
        opened = AudienceFiles(sheets, files, output)
        yield opened
        opened.finish()


def _stdout_sheet(kind: str, stdout: BinaryIO, *, marks_holdout: bool, excel: bool) -> Sheet:
    if kind == "csv":
        return CsvSheet(stdout, marks_holdout=marks_holdout, byte_order_mark=excel)
    if kind == "ndjson":
        return NdjsonSheet(stdout, marks_holdout=marks_holdout)
    raise Rejected("--format", f"{kind} needs --output FILE")


def _sheets(
    kind: str, paths: Sequence[Path], files: PendingFiles, stack: ExitStack, *, excel: bool
) -> list[Sheet]:
    for path in paths:
        target_of(path)  # refused now, rather than when all is read
    if kind == "parquet":
        return [stack.enter_context(parquet_sheet(files.open(path))) for path in paths]
    if kind == "csv":
        return [
            CsvSheet(files.open(path), marks_holdout=False, byte_order_mark=excel) for path in paths
        ]
    if kind == "ndjson":
        return [NdjsonSheet(files.open(path), marks_holdout=False) for path in paths]
    profile = PROFILES[kind]
    with reporting_disk_errors():
        parts = [Parts(path, most_bytes=profile.most_bytes, spools=stack) for path in paths]
    return [CampaignSheet(profile, parts, files.open)]


def _held_out(path: Path) -> Path:
    return path.with_name(f"{path.stem}.holdout{path.suffix}")
