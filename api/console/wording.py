"""How the console writes figures, instants and shares."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from domain.values import MICROS_PER_SECOND, Currency

UNKNOWN = "\N{EN DASH}"
_NO_DECIMALS = 100
_SMALLEST_CENTS = 0.1
_DAYS = re.compile(r"\blast (\d+)d\b", re.ASCII)


def number(value: float | None, digits: int = 0) -> str:
    """12,147; unknown is a dash."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 1 in per cent: 71 %."""
    return UNKNOWN if share is None else f"{100 * share:,.{digits}f} %"


def points(share: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+,.{digits}f} points"


def figure(value: float) -> str:
    """A figure of whatever size, with as many decimals as a person reads: 1,206, 21.5 or 0.034."""
    whole = abs(value) >= _NO_DECIMALS or value == round(value)
    return f"{value:,.0f}" if whole else f"{value:,.3g}"


def money(minor: float, currency: str) -> str:
    """An amount in minor units of a currency: 1,234.50 USD."""
    known = Currency.of(currency)
    return f"{minor / known.minor_per_major:,.{known.exponent}f} {known.code}"


def price(usd: float) -> str:
    """A price in US dollars, small ones in cents: 0.9 US cents, 12.50 USD."""
    if usd >= 1:
        return f"{usd:,.2f} USD"
    cents = 100 * usd
    return f"{cents:.1f} US cents" if cents >= _SMALLEST_CENTS else "less than 0.1 US cents"


def meaning(text: str) -> str:
    """A feature's meaning as the beginning of a line: Purchase count, last 30 days."""
    spelled = _DAYS.sub(r"last \1 days", text)
    return spelled[:1].upper() + spelled[1:]


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
    each.__name__: each
    for each in (
        *(number, percent, points, figure, money, price, meaning),
        *(when, day, lasted, segment),
    )
}
