"""What stands in a URL, as every route reads it: path segments and query parameters."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from litestar.datastructures import MultiDict
from litestar.params import QueryParameter

from api.http.openapi import MAX_PAGE, PAGE
from domain.audience import ReadWay
from domain.errors import InvalidRequest
from domain.purchases import name_of
from domain.values import Consistency, instant

Choice = TypeVar("Choice", bound=StrEnum)
_PLUS_READ_AS_SPACE = re.compile(r"(:\d{2}(?:\.\d+)?) (\d{2}(?::?\d{2})?)$", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


def documented(description: str, **schema: object) -> QueryParameter:
    """A parameter that arrives as text, so that we word the refusal; its schema is as given."""
    return QueryParameter(description=description, schema_extra={"one_of": None, **schema})


AsOf: TypeAlias = Annotated[
    str | None,
    documented(
        "RFC 3339 with an offset; default: now. An unescaped + before the offset arrives as a "
        "space and is read as +.",
        type="string",
        format="date-time",
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    documented("Which of the models that serve here; default: the usual one.", type="string"),
]
Category: TypeAlias = Annotated[
    str | None,
    documented(
        "The category asked about, for a model that says who buys in one; any other takes none.",
        type="string",
        minLength=1,
    ),
]
Explain: TypeAlias = Annotated[
    str | None, documented("`true`: say what each feature adds, in log-odds.", type="boolean")
]
ReadConsistency: TypeAlias = Annotated[
    str | None,
    documented(
        "`eventual` reads at half the price, and may miss a purchase of a moment ago; default: as the "
        "server is set.",
        type="string",
        enum=[str(each) for each in Consistency],
    ),
]
MinProbability: TypeAlias = Annotated[
    str | None,
    documented("List members from this probability on.", type="number", minimum=0, maximum=1),
]
MaxProbability: TypeAlias = Annotated[
    str | None,
    documented("List members up to this probability.", type="number", minimum=0, maximum=1),
]
Limit: TypeAlias = Annotated[
    str | None,
    documented(
        f"Members that a page holds at most; {PAGE} if not given. Pages only.",
        type="integer",
        minimum=1,
        maximum=MAX_PAGE,
    ),
]
Cursor: TypeAlias = Annotated[
    str | None, documented("`next_cursor` of the page before. Pages only.", type="string")
]

Way: TypeAlias = Annotated[
    str | None,
    documented(
        "How purchases are read; default: the cheaper way. Streams only.",
        type="string",
        enum=[str(way) for way in ReadWay],
    ),
]


def truth_of(text: str | None, name: str) -> bool:
    """Whether a parameter says true; not given, it says false.

    Raises:
        InvalidRequest: it says neither.
    """
    if text not in {None, "true", "false"}:
        raise InvalidRequest(name, f"must be true or false, not {text!r:.80}")
    return text == "true"


def check_names(query: MultiDict[str], known: Sequence[str]) -> None:
    """A misspelt or repeated parameter never silently means something else.

    Raises:
        InvalidRequest: names every such parameter.
    """
    names = set(query)
    if len(names) == len(query) and names.issubset(known):  # its length counts repeated ones
        return
    unknown = sorted(names.difference(known))
    if unknown:
        allowed = f"parameters are {', '.join(known)}" if known else "there are none"
        raise InvalidRequest(", ".join(unknown), f"is not a parameter here; {allowed}")
    repeated = [name for name in known if len(query.getall(name, [])) > 1]
    if repeated:
        raise InvalidRequest(", ".join(repeated), "is given more than once")


def decoded(segment: str, field: str) -> str:
    """The text of a path segment that arrives percent-encoded.

    Raises:
        InvalidRequest: it is not UTF-8.
    """
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(field, "is not percent-encoded UTF-8") from exc


def name_in(segment: str, field: str, most_bytes: int) -> str:
    """The name in a path segment, once the domain takes it as text.

    Raises:
        InvalidRequest: it is not UTF-8, too long, or cannot be printed.
    """
    return name_of(decoded(segment, field), field, most_bytes)


def instant_of(text: str | None) -> int | None:
    """The instant of `as_of` in microseconds since the epoch; None where it is not given.

    Raises:
        InvalidRequest: it is no RFC 3339 timestamp with an offset.
    """
    if text is None:
        return None
    try:
        return instant.parse(_PLUS_READ_AS_SPACE.sub(r"\1+\2", text) if " " in text else text)
    except ValueError as exc:
        raise InvalidRequest("as_of", f"{exc}, not {text[:60]!r}") from exc


def probability_of(text: str | None, field: str, default: float) -> float:
    """The probability in a parameter, or the default where it is not given.

    Raises:
        InvalidRequest: it is no decimal number in [0, 1].
    """
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not 0.0 <= float(text) <= 1.0:
        raise InvalidRequest(field, f"must be a number from 0 to 1, not {text[:60]!r}")
    return float(text)


def whole_of(text: str | None, field: str, *, most: int, default: int) -> int:
    """The whole number in a parameter, from 1 to `most`, or the default where it is not given.

    Raises:
        InvalidRequest: it is none.
    """
    if text is None:
        return default
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise InvalidRequest(field, f"must be a whole number from 1 to {most}, not {text[:60]!r}")
    return int(text)


def one_of(text: str | None, choices: type[Choice], field: str) -> Choice | None:
    """Which of the choices a parameter names; None where it is not given.

    Raises:
        InvalidRequest: it names none of them.
    """
    try:
        return None if text is None else choices(text)
    except ValueError:
        known = ", ".join(choices)
        raise InvalidRequest(field, f"must be one of {known}, not {text!r:.62}") from None
