"""Canonical JSON out, strict types in: one value has one encoding, and nothing is guessed."""

import json
import math
from typing import Annotated, TypeVar, cast

from msgspec import Meta, ValidationError, convert

from model_registry.errors import CorruptRegistry

T = TypeVar("T")
Text = Annotated[str, Meta(pattern=r"\S")]
"""A text with something in it."""
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A SHA-256 in lower-case hex."""
Count = Annotated[int, Meta(ge=0)]
Number = Annotated[int, Meta(ge=1)]
"""Of a version or a revision: they count from 1."""


def canonical(value: object) -> bytes:
    """The one encoding of a JSON value: sorted keys, no spaces, floats that read back exactly.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value has no JSON form.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decoded(key: str, content: bytes, form: type[T], *, schema: int | None = None) -> T:
    """What is stored under `key`, in this form and, if it has one, of this schema.

    Raises:
        CorruptRegistry: it is not; names the field.
    """
    plain = _plain(key, content)
    if schema is not None and plain.get("schema") != schema:
        raise CorruptRegistry(
            key,
            f"field 'schema' is {plain.get('schema')!r:.80}, this code reads {schema}; another "
            "release wrote it: run that one, or set PROPENSITY_REGISTRY to a new place and train "
            "again",
        )
    try:
        return convert(plain, form, str_keys=True)
    except ValidationError as exc:
        raise CorruptRegistry(key, str(exc)) from exc


def check_canonical(key: str, content: bytes, encoded_again: bytes) -> None:
    """Returns when `content` equals what its meaning encodes to, byte by byte.

    Raises:
        CorruptRegistry: it was changed after it was written.
    """
    if encoded_again != content:
        raise CorruptRegistry(key, "is not in canonical form: it was changed after it was written")


def _plain(key: str, content: bytes) -> dict[str, object]:
    try:
        value: object = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as exc:
        raise CorruptRegistry(key, f"is not whole JSON ({exc})") from exc
    if not isinstance(value, dict):
        raise CorruptRegistry(key, "is not a JSON object")
    return cast("dict[str, object]", value)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
