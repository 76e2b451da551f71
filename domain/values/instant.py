"""Instants are integers: microseconds since 1970-01-01T00:00:00Z, everywhere inside.

Integers compare, subtract and store exactly; datetimes appear only at the edges.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

MICROS_PER_SECOND = 1_000_000
MICROS_PER_HOUR = 3_600 * MICROS_PER_SECOND
MICROS_PER_DAY = 24 * MICROS_PER_HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITTEN = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})(?P<time>[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone> ?(?:[Zz]|UTC|GMT|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):?(?P<minutes>[0-5]\d)?))?)?",
    re.ASCII,
)
_USUAL = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3}|\.\d{6})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
"""What programs write, and Python itself reads, five times as fast."""
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FORM = "must be RFC 3339 with an offset, such as 2026-01-31T09:30:00Z"


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch, exactly.

    Raises:
        ValueError: the datetime is naive, so it names no instant.
    """
    if moment.utcoffset() is None:
        raise ValueError("has no UTC offset, so it names no instant")
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(instant: int) -> datetime:
    """The same instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def parse(text: str, *, zone: tzinfo | None = None) -> int:
    """Microseconds since the epoch of a timestamp; digits below the microsecond are cut off.

    RFC 3339 and what shops export beside it: a space before the zone, UTC, +0000, +00, no
    seconds. Up to nine digits of a second. A time without a zone is taken in `zone`. Leap seconds
    (:60) and 24:00 are refused: write the next minute, or the next day's 00:00.

    Raises:
        ValueError: another form, no date of the calendar, or no zone where `zone` is None; or a
            local time that does not exist or exists twice. Source: RFC 3339, section 5.6.
    """
    if (usual := _usual(text)) is not None:
        return usual
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    if match["time"] is None:
        raise ValueError(f"has no time; {_FORM}")
    if match["hour"] == "24" or match["second"] == "60":
        raise ValueError("has no :60 and no 24:00 here: write the next minute or day")
    fraction = int((match["fraction"] or "").ljust(6, "0")[:6])
    try:
        whole = from_datetime(_zoned(_local(match), match, zone))
        to_datetime(whole)  # in UTC it may fall out of the calendar's years
    except OverflowError as exc:
        raise ValueError("is no instant of the calendar: its year in UTC is none") from exc
    return whole + fraction


def _usual(text: str) -> int | None:
    """The instant of a text in the usual form; None: it has another, or there is no such instant."""
    if _USUAL.fullmatch(text) is None:
        return None
    try:
        found = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None
    return found if _FIRST <= found <= _LAST else None


def _local(match: re.Match[str]) -> datetime:
    try:
        return datetime.fromisoformat(
            f"{match['date']}T{match['hour']}:{match['minute']}:{match['second'] or '00'}"
        )
    except ValueError as exc:
        raise ValueError(f"is no instant of the calendar ({exc})") from exc


def _zoned(local: datetime, match: re.Match[str], zone: tzinfo | None) -> datetime:
    if match["sign"]:
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        return local.replace(tzinfo=timezone(offset if match["sign"] == "+" else -offset))
    if match["zone"]:
        return local.replace(tzinfo=UTC)
    if zone is None:
        raise ValueError(f"has no zone; {_FORM}, or import the file with --timezone")
    return _only(local.replace(tzinfo=zone))


def _only(moment: datetime) -> datetime:
    """The same, once the clocks of its zone show this local time exactly once.

    Where clocks go back, the two folds have different offsets; where they go forward too, and
    then the way to UTC and back ends elsewhere. Source: PEP 495.
    """
    there_and_back = moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None)
    if there_and_back != moment.replace(tzinfo=None):
        raise ValueError(f"does not exist in {moment.tzinfo}: clocks went forward; add an offset")
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ValueError(f"exists twice in {moment.tzinfo}: clocks went back; add an offset")
    return moment


def render(instant: int) -> str:
    """RFC 3339 in UTC; microseconds are written only where there are any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def day_of(instant: int) -> int:
    """The UTC day of an instant, counted from the epoch."""
    return instant // MICROS_PER_DAY
