"""Files for campaign tools: a column the tool knows, the propensity as an attribute, split."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from adapters.audience_files.cells import csv_lines, is_email, text_cell
from adapters.audience_files.profiles import Profile
from adapters.seen_ids import TemporarySeenIds
from domain.audience import Listed
from domain.errors import Rejected
from domain.values import plain_number

ATTRIBUTES = ("purchase_propensity", "propensity_score")
"""The probability in full precision, and the same as a whole number from 0 to 100."""


class Parts:
    """Rows on the way to one file, or to several where one would be too large for the tool.

    Rows wait in files without a name: only at the end is it known what the header must be.
    """

    def __init__(self, path: Path, *, most_bytes: int | None, spools: ExitStack) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._spools = spools
        self._parts: list[BinaryIO] = []
        self._bytes = 0
        self._begin()

    def append(self, row: bytes, *, header: int) -> None:
        """The row is in the last part, which with a header of that many bytes is small enough."""
        if self._most_bytes and header + self._bytes + len(row) > self._most_bytes:
            self._begin()
        self._parts[-1].write(row)
        self._bytes += len(row)

    def write_to(
        self,
        opened: Callable[[Path], BinaryIO],
        *,
        header: bytes,
        keep: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Every part is in its file: FILE.csv, FILE.2.csv, FILE.3.csv and so on.

        `keep` says of each row whether it stays; None: all do.
        """
        for number, part in enumerate(self._parts, start=1):
            name = self._path.name if number == 1 else numbered(self._path, number)
            file = opened(self._path.with_name(name))
            file.write(header)
            part.seek(0)
            if keep is None:
                shutil.copyfileobj(part, file)
            else:
                file.writelines(filter(keep, part))

    def _begin(self) -> None:
        spool = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115  # the stack closes it
        self._parts.append(self._spools.enter_context(spool))
        self._bytes = 0


def numbered(path: Path, number: int) -> str:
    """The name of a further part."""
    return f"{path.stem}.{number}{path.suffix}"


class CampaignSheet:
    """Scored customers as one tool imports them; unread ones are left out.

    `parts` are those to mail and, where there is a holdout, those held out.
    """

    def __init__(
        self, profile: Profile, parts: Sequence[Parts], opened: Callable[[Path], BinaryIO]
    ) -> None:
        self._profile = profile
        self._parts = parts
        self._opened = opened
        columns = (profile.id_column, profile.email_column)
        self._longest_header = max(len(_header(column)) for column in columns if column)
        self._rows = self._others = self._first_other = 0
        self.escaped = self.merged = 0

    def write(self, listed: Sequence[Listed], /) -> None:
        """These rows come next.

        Raises:
            Rejected: the tool needs e-mail addresses, and an id is none.
        """
        scored = [item for item in listed if item.member.probability is not None]
        for item, line in zip(scored, csv_lines(map(self._row, scored)), strict=True):
            self._parts[item.held_out].append(line, header=self._longest_header)
        if self._others and not self._profile.id_column:
            raise self._no_addresses()  # before the rest is read, and paid for

    def finish(self) -> None:
        """Every row is in its file; of mail addresses that differ by case only, one.

        Whoever is held out under one form of their address is held out.
        """
        column = self._column()
        header = _header(column)
        if column != self._profile.email_column:
            for parts in self._parts:
                parts.write_to(self._opened, header=header)
            return
        with closing(TemporarySeenIds()) as seen:

            def keep(row: bytes) -> bool:
                address = row.partition(b",")[0].decode().casefold()
                first = seen.count("", address, 0)[0] == 1
                self.merged += not first
                return first

            for parts in reversed(self._parts):  # those held out first
                parts.write_to(self._opened, header=header, keep=keep)

    def _row(self, listed: Listed) -> tuple[object, ...]:
        customer, probability = listed.member.customer_id, listed.member.probability or 0.0
        self._rows += 1
        if not is_email(customer):
            self._others += 1
            self._first_other = self._first_other or self._rows
        cell = text_cell(customer)
        self.escaped += cell != customer
        return cell, plain_number(probability), round(100 * probability)

    def _column(self) -> str:
        wanted = self._profile.id_column if self._others else self._profile.email_column
        return wanted or self._profile.id_column or ""

    def _no_addresses(self) -> Rejected:
        return Rejected(
            "--format",
            f"{self._profile.tool} needs e-mail addresses, and {self._others:,} of the first "
            f"{self._rows:,} customer ids are none it takes (the first in row "
            f"{self._first_other:,}); use csv and join the addresses to it",
        )


def _header(column: str) -> bytes:
    return b"".join(csv_lines([(column, *ATTRIBUTES)]))
