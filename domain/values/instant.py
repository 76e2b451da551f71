"""Instants are integers: microseconds since 1970-01-01T00:00:00Z, everywhere inside.

Integers compare, subtract and store exactly; datetimes appear only at the edges.
"""

import re
from datetime import UTC, datetime, timedelta

MICROS_PER_SECOND = 1_000_000
MICROS_PER_HOUR = 3_600 * MICROS_PER_SECOND
MICROS_PER_DAY = 24 * MICROS_PER_HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<time>\d{2}:\d{2}:\d{2})"
    r"(?:\.(?P<fraction>\d+))?(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch, exactly.

    Raises:
        ValueError: the datetime is naive, so it names no instant.
    """
    if moment.utcoffset() is None:
        raise ValueError("has no UTC offset, so it names no instant")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(instant: int) -> datetime:
    """The same instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def parse(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 timestamp.

    Raises:
        ValueError: not RFC 3339, without an offset, not a date of the calendar,
            or finer than a microsecond. Source: RFC 3339, section 5.6.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("must be RFC 3339 with an offset, such as 2026-01-31T09:30:00Z")
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > 6:  # noqa: PLR2004  # digits of a microsecond
        raise ValueError("is finer than a microsecond")
    offset = match["offset"].upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{match['time']}{offset}")
        whole = from_datetime(moment)
        to_datetime(whole)  # in UTC it may fall out of the calendar's years
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"is no instant of the calendar ({exc})") from exc
    return whole + int(fraction.ljust(6, "0"))


def render(instant: int) -> str:
    """RFC 3339 in UTC; microseconds are written only where there are any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def day_of(instant: int) -> int:
    """The UTC day of an instant, counted from the epoch."""
    return instant // MICROS_PER_DAY
