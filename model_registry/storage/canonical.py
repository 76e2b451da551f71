"""Canonical JSON out, strict fields in: one value has one encoding, and nothing is guessed."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeGuard

from model_registry.errors import CorruptRegistry

_SHA256 = re.compile(r"[0-9a-f]{64}")


def canonical(value: object) -> bytes:
    """The one encoding of a JSON value: sorted keys, no spaces, floats that read back exactly.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value has no JSON form.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class Fields:
    """A stored JSON object; every way to read a field raises CorruptRegistry, naming it.

    `key` is the object's place in the store, `path` this part's place within the object.
    """

    key: str
    values: Mapping[str, object]
    path: str = ""

    @classmethod
    def parse(cls, key: str, content: bytes) -> "Fields":
        """The fields of the object stored under `key`."""
        try:
            values: object = json.loads(content, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as exc:
            raise CorruptRegistry(key, f"is not whole JSON ({exc})") from exc
        if not _is_object(values):
            raise CorruptRegistry(key, "is not a JSON object")
        return cls(key, values)

    def of_schema(self, known: int) -> "Fields":
        """These fields, whose `schema` is the one this code knows."""
        if self.integer("schema") != known:
            self._refuse(
                "schema",
                f"is {self.values['schema']}, this code reads {known}; another release wrote it: "
                "run that one, or set PROPENSITY_REGISTRY to a new place and train again",
            )
        return self

    def only(self, *names: str) -> "Fields":
        """These fields, of which there are no others than `names`."""
        for name in sorted(self.values.keys() - set(names)):
            self._refuse(name, "is unknown to this code")
        return self

    def text(self, name: str) -> str:
        """A text with something in it."""
        value = self._get(name)
        if not isinstance(value, str) or not value.strip():
            self._refuse(name, f"must be text, not {value!r:.80}")
        return value

    def integer(self, name: str, *, least: int = 0, most: int | None = None) -> int:
        """An integer of at least `least`, and at most `most`."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self._refuse(name, f"must be an integer of at least {least}, not {value!r:.80}")
        if most is not None and value > most:
            self._refuse(name, f"must be at most {most}, not {value!r:.80}")
        return value

    def number(self, name: str) -> float:
        """A float, finite as every number parsed here."""
        value = self._get(name)
        if not isinstance(value, float):
            self._refuse(name, f"must be a float, not {value!r:.80}")
        return value

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            self._refuse(name, f"must be true or false, not {value!r:.80}")
        return value

    def sha256(self, name: str) -> str:
        """A SHA-256 in lower-case hex."""
        value = self.text(name)
        if _SHA256.fullmatch(value) is None:
            self._refuse(name, f"must be a SHA-256 in lower-case hex, not {value!r:.80}")
        return value

    def within(self, name: str) -> "Fields":
        """The fields of a nested object."""
        value = self._get(name)
        if not _is_object(value):
            self._refuse(name, f"must be an object, not {value!r:.80}")
        return Fields(self.key, value, self._path(name))

    def listed(self, name: str) -> "Fields":
        """The entries of a nested list, as fields named by their positions."""
        value = self._get(name)
        if not _is_list(value):
            self._refuse(name, f"must be a list, not {value!r:.80}")
        entries = {str(position): entry for position, entry in enumerate(value)}
        return Fields(self.key, entries, self._path(name))

    def _get(self, name: str) -> object:
        if name not in self.values:
            self._refuse(name, "is missing")
        return self.values[name]

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _refuse(self, name: str, reason: str) -> NoReturn:
        raise CorruptRegistry(self.key, f"field {self._path(name)!r} {reason}")


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def check_canonical(key: str, content: bytes, encoded_again: bytes) -> None:
    """Returns when `content` equals what its meaning encodes to, byte by byte.

    Raises:
        CorruptRegistry: it was changed after it was written.
    """
    if encoded_again != content:
        raise CorruptRegistry(key, "is not in canonical form: it was changed after it was written")
