"""Packed files: gzip and Zstandard, whole or refused."""

import gzip
import shutil
from pathlib import Path
from typing import IO

import zstandard

from domain.errors import Rejected

_CHUNK = 2**16


def gunzip(packed_path: Path, name: str, copy: Path) -> None:
    """Writes what a gzip file holds.

    Raises:
        Rejected: it is damaged, or was cut off.
    """
    try:
        with gzip.open(packed_path) as packed, copy.open("wb") as file:
            shutil.copyfileobj(packed, file)
    except (EOFError, gzip.BadGzipFile) as exc:
        raise Rejected("file", f"{name} is damaged gzip: {exc}; fetch it again") from exc


def unzstd(packed_path: Path, name: str, copy: Path) -> None:
    """Writes what a Zstandard file holds, of however many frames.

    Raises:
        Rejected: it is damaged, or was cut off.
    """
    try:
        with packed_path.open("rb") as packed, copy.open("wb") as file:
            whole = _frames(packed, file)
    except zstandard.ZstdError as exc:
        raise Rejected("file", f"{name} is damaged zstd: {exc}; fetch it again") from exc
    if not whole:
        raise Rejected("file", f"{name} is zstd that was cut off; fetch it again")


def _frames(packed: IO[bytes], file: IO[bytes]) -> bool:
    """Whether the last frame came to its end; the library itself takes one that was cut off."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    while chunk := packed.read(_CHUNK):
        if frame.eof:
            frame = zstandard.ZstdDecompressor().decompressobj()
        file.write(frame.decompress(chunk))
        while frame.eof and (rest := frame.unused_data):
            frame = zstandard.ZstdDecompressor().decompressobj()
            file.write(frame.decompress(rest))
    return frame.eof
