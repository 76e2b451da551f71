"""Newline-delimited JSON that every reader of lines cuts at the same places."""

from collections.abc import Sequence

import msgspec

_JSON = msgspec.json.Encoder()
_ALSO_END_LINES = {
    b"\xc2\x85": b"\\u0085",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
}
"""What ends a line too, for Python's `splitlines` and HTTPX; JSON leaves them as they are."""


def encode_lines(structs: Sequence[object]) -> bytes:
    """One line of JSON for each, and no end of a line within one."""
    lines = _JSON.encode_lines(structs)
    for char, escaped in _ALSO_END_LINES.items():
        lines = lines.replace(char, escaped)
    return lines
