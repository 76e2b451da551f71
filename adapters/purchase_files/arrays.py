"""JSON arrays: one element after the other, in bounded memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from domain.errors import Rejected

MAX_ELEMENT = 2**20
"""Of a JSON array; a purchase of a megabyte is none."""


def write_elements(path: Path, name: str, copy: Path) -> None:
    """Writes each element of a JSON array on a line, so that lines count elements.

    Raises:
        Rejected: it is no array.
    """
    with path.open(encoding="utf-8-sig") as text, copy.open("w", encoding="utf-8") as file:
        try:
            for element in _elements(text):
                file.write(element.replace("\r", " ").replace("\n", " ") + "\n")
        except (ValueError, RecursionError) as exc:
            raise Rejected("file", f"{name} is no JSON array: {exc}") from exc


def _elements(text: IO[str]) -> Iterator[str]:
    """The text of each element of an array, which is decoded only to find its end."""
    decoder = json.JSONDecoder()
    rest = text.read(MAX_ELEMENT).lstrip().removeprefix("[")
    number = 1
    while True:
        rest = rest.lstrip()
        if rest.startswith("]"):
            break
        end, after = 0, ""
        try:
            _, end = decoder.raw_decode(rest)
            after = rest[end:].lstrip()
            problem = None if after.startswith((",", "]")) else "neither , nor ] after it"
        except json.JSONDecodeError as exc:
            problem = exc.msg
        if problem is not None:
            chunk = text.read(MAX_ELEMENT) if len(rest) < 2 * MAX_ELEMENT else ""
            if not chunk:
                raise ValueError(f"{problem} in element {number}")
            rest += chunk
            continue
        yield rest[:end]
        number += 1
        rest = after.removeprefix(",")
        if after.startswith(",") and rest.lstrip().startswith("]"):
            raise ValueError(f"a comma after the last element {number - 1}")
    if (rest[1:] + text.read(1)).strip():
        raise ValueError("something follows its end")
