"""Members on disk, in a file without a name, until everybody is scored."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from domain.audience import Member
from domain.errors import Rejected

_FIELD = "campaign"


class TemporarySpool:
    """A `MemberSpool`: one line of JSON for each batch; the file ends with its process.

    Raises:
        Rejected: no file can be written; says why.
    """

    def __init__(self) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        except OSError as exc:
            raise Rejected(_FIELD, f"needs a temporary file: {exc}; set TMPDIR") from exc
        self._decode = msgspec.json.Decoder(list[Member]).decode

    def add(self, members: Sequence[Member], /) -> None:
        """These come next; see the port."""
        try:
            self._file.write(msgspec.json.encode(list(members)) + b"\n")
        except OSError as exc:
            raise Rejected(_FIELD, f"its temporary file cannot be written: {exc}") from exc

    def batches(self) -> Iterator[Sequence[Member]]:
        """All of them from the beginning; see the port."""
        try:
            self._file.seek(os.SEEK_SET)
        except OSError as exc:
            raise Rejected(_FIELD, f"its temporary file cannot be written: {exc}") from exc
        for line in self._file:
            yield self._decode(line)

    def close(self) -> None:
        """Nothing of them is left; see the port."""
        self._file.close()
