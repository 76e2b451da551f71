"""How the console writes figures, instants and shares."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from domain.values import MICROS_PER_SECOND

UNKNOWN = "\N{EN DASH}"


def number(value: float | None, digits: int = 0) -> str:
    """12,147; unknown is a dash."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 1 in per cent: 71 %."""
    return UNKNOWN if share is None else f"{100 * share:,.{digits}f} %"


def points(share: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+,.{digits}f} points"


def when(micros: int | None) -> str:
    """An instant in microseconds since the epoch: 24 Nov 2026, 09:12 UTC."""
    return UNKNOWN if micros is None else f"{_moment(micros):%-d %b %Y, %H:%M} UTC"


def day(micros: int | None) -> str:
    """The day of an instant, UTC: 24 Nov 2026."""
    return UNKNOWN if micros is None else f"{_moment(micros):%-d %b %Y}"


def lasted(seconds: float | None) -> str:
    """How long something took or takes, in one unit: 4 ms, 12 s, 3 min, 5 h, 2 days."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{1_000 * seconds:,.0f} ms"
    for unit, size, limit in (("s", 1, 120), ("min", 60, 120 * 60), ("h", 3_600, 48 * 3_600)):
        if seconds < limit:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def segment(text: str) -> str:
    """A text as one segment of a path, a slash too."""
    return quote(text, safe="")


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / MICROS_PER_SECOND, tz=UTC)


FILTERS: Mapping[str, Callable[..., str]] = {
    each.__name__: each for each in (number, percent, points, when, day, lasted, segment)
}
