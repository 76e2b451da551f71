"""Feature sets as files declare them: the ones that come with propensity, and your own."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import cast

from domain.errors import Rejected
from domain.features import AnyFeature, DeclaredSet, features_of
from domain.values import Currency

BUILT_IN = Path(__file__).with_suffix(".toml")
_ANY_CURRENCY = Currency.of("USD")
_FIELDS = frozenset({"description", "features"})


@cache
def built_in_sets() -> Mapping[str, DeclaredSet]:
    """The feature sets that come with propensity, by name."""
    return read_feature_sets(BUILT_IN)


def feature_set_of(chosen: str) -> DeclaredSet:
    """The set that NAME, FILE or FILE:NAME means; a file's only set needs no name.

    Raises:
        Rejected: there is none, or its file does not declare it; says where and why.
    """
    if chosen in built_in_sets():
        return built_in_sets()[chosen]
    file, _, name = chosen.rpartition(":") if not Path(chosen).exists() else (chosen, "", "")
    if not file or (name and "/" in name):
        known = ", ".join(built_in_sets())
        raise Rejected("features", f"{chosen!r:.80} is no file and none of {known}")
    declared = read_feature_sets(Path(file))
    if not name and len(declared) == 1:
        return next(iter(declared.values()))
    if name not in declared:
        which = f"declares no {name!r:.80}" if name else "declares several sets"
        raise Rejected(file, f"{which}; name one of {', '.join(declared)}, such as {file}:NAME")
    return declared[name]


def read_feature_sets(path: Path) -> Mapping[str, DeclaredSet]:
    """Every set that a file declares, by name.

    Raises:
        Rejected: the file cannot be read, or declares something else; says in which line, and why.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as exc:
        raise Rejected(str(path), f"cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise Rejected(str(path), f"is no TOML: {exc}") from exc
    if not document:
        raise Rejected(str(path), "declares no feature set")
    return {name: _Declaration(path, text, name).read(table) for name, table in document.items()}


class _Declaration:
    """One set of a file, and where its parts stand in it."""

    def __init__(self, path: Path, text: str, name: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._name = name

    def read(self, table: object) -> DeclaredSet:
        """The set that the table declares.

        Raises:
            Rejected: it declares none; says in which line, and why.
        """
        if not isinstance(table, dict):
            raise self._refused(None, "must be a table with features")
        fields = cast("Mapping[str, object]", table)
        if unknown := fields.keys() - _FIELDS:
            raise self._refused(None, f"{min(unknown)}: is unknown here")
        entries = fields.get("features")
        if not isinstance(entries, list) or not entries:
            raise self._refused(None, "features: must be a list of features, one at least")
        features = [
            feature
            for number, entry in enumerate(cast("list[object]", entries))
            for feature in self._features(number, entry)
        ]
        declared = DeclaredSet(
            name=self._name,
            description=str(fields.get("description", "")),
            features=tuple(features),
        )
        try:
            declared.in_currency(_ANY_CURRENCY)
        except ValueError as exc:
            raise self._refused(None, str(exc)) from exc
        return declared

    def _features(self, number: int, entry: object) -> Iterator[AnyFeature]:
        if not isinstance(entry, dict):
            raise self._refused(number, "must be a table, such as { aggregation = ... }")
        try:
            yield from features_of(cast("Mapping[str, object]", entry))
        except ValueError as exc:
            raise self._refused(number, str(exc)) from exc

    def _refused(self, number: int | None, reason: str) -> Rejected:
        field, colon, _ = reason.partition(":")
        line = self._line(number, field if colon else None)
        entry = "" if number is None else f", feature {number + 1}"
        return Rejected(f"{self._path}, line {line}", f"{self._name}{entry}: {reason}")

    def _line(self, number: int | None, field: str | None) -> int:
        """Where the entry of this number begins, or its field stands; as well as a text tells."""
        name = re.escape(self._name)
        heads = [n for n, line in enumerate(self._lines) if re.match(rf"\[+\"?{name}\b", line)]
        entries = [n for n in heads if self._lines[n].startswith("[[")]
        of_entry = number is not None and number < len(entries)
        start = entries[number or 0] if of_entry else (heads or [0])[0]
        for n in range(start + 1, len(self._lines)):
            if self._lines[n].startswith("["):
                break
            if field and re.search(rf"\b{re.escape(field)}\s*=", self._lines[n]):
                return n + 1
        return start + 1
