"""Trace context as it comes with a request. Source: W3C Trace Context, 3.2."""

import re
from typing import NamedTuple

_FORM = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_SAMPLED = 1


class TraceContext(NamedTuple):
    """A trace that somebody else began: its id, the span above, and whether that one is kept."""

    trace_id: str
    span_id: str
    sampled: bool


def trace_context(header: bytes) -> TraceContext | None:
    """What a header `traceparent` says; None where it is malformed. Later versions may say more."""
    found = _FORM.fullmatch(header)
    if found is None or (found[1] == b"00" and found[5] is not None):
        return None
    return TraceContext(found[2].decode(), found[3].decode(), bool(int(found[4], 16) & _SAMPLED))
