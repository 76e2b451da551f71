"""Bodies that are written line by line."""

from api.http.streams.audience import (
    Filters,
    StreamBroken,
    begun,
    closed,
    comma_separated,
    failure_line,
    gone,
    ndjson,
)
from api.http.streams.purchases import DuplexStream, outcome_lines

__all__ = [
    "DuplexStream",
    "Filters",
    "StreamBroken",
    "begun",
    "closed",
    "comma_separated",
    "failure_line",
    "gone",
    "ndjson",
    "outcome_lines",
]
