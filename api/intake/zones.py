"""Zones of time, as a person names them."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, reset_tzpath

from domain.errors import Rejected


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of that name in the pinned tzdata: the same on every machine. None: none is meant.

    Raises:
        Rejected: there is none.
    """
    if name is None:
        return None
    reset_tzpath(to=())
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise Rejected(
            "--timezone", f"{name!r} is no zone of the tz database, such as Europe/Berlin"
        ) from exc
