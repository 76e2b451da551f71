"""Files of prometheus_client that have their room on the disk before anything is counted in them.

They are mapped into memory. Where such a file has no room yet and the disk is full, counting ends the
process by SIGBUS, without a word.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, values

_library: Any = mmap_dict  # it has no types
ROOM = 1 << 20
"""Bytes of each file at first: enough for some 5,000 series."""
_AROUND = 32
"""At most so many bytes are around a key in a file."""


class RoomyFile(_library.MmapedDict):  # type: ignore[misc]  # Any, as above
    """A file of counts whose bytes are all on the disk.

    Raises:
        OSError: the disk is full.
    """

    def __init__(self, filename: str) -> None:
        with Path(filename).open("ab") as file:
            _allocate(file.fileno(), ROOM)
        super().__init__(filename)

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + _AROUND > self._capacity:
            _allocate(self._f.fileno(), 2 * self._capacity)
        super()._init_value(key)


def make_room() -> None:
    """Every file that this process counts in from now on has its room."""
    vars(values)["MmapedDict"] = RoomyFile


def _allocate(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(file, 0, size)
