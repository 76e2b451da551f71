"""Declared features: what a person writes, one entry after another, turned into features."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar, cast

from domain.features.aggregation import Aggregation
from domain.features.feature import AnyFeature, Combination, Feature, Operation, Shape, Transform
from domain.features.feature_set import FeatureSet
from domain.features.known import TARGET, Of
from domain.values import EVER, Currency, Window
from domain.values.instant import MICROS_PER_HOUR

T = TypeVar("T", Aggregation, Operation, Transform)
_WINDOW = re.compile(r"(?P<count>[1-9]\d{0,6})(?P<unit>[dh])", re.ASCII)
_SHAPE = ("clip", "transform")
_PLAIN = ("aggregation", "window", "category", *_SHAPE)
_COMBINED = ("name", "operation", "of", *_SHAPE)
_OPERANDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSet:
    """A named feature set and what it is for; money is in each deployment's own currency."""

    name: str
    description: str
    features: tuple[AnyFeature, ...]

    def in_currency(self, currency: Currency) -> FeatureSet:
        """The feature set of a deployment.

        Raises:
            ValueError: two features share a name.
        """
        return FeatureSet(self.features, currency)


def features_of(entry: Mapping[str, object]) -> Iterator[AnyFeature]:
    """The features that one entry declares, one for each of its aggregations and windows.

    Raises:
        ValueError: the entry breaks a rule; begins with the field where one is to blame.
    """
    if "operation" in entry:
        yield _combination(entry)
        return
    _check_fields(entry, _PLAIN)
    shape = _shape(entry)
    aggregations = _list(entry, "aggregation")
    windows = _list(entry, "window") if "window" in entry else [None]
    for aggregation, window in product(aggregations, windows):
        yield Feature(
            _word(Aggregation, "aggregation", aggregation),
            _window(aggregation, window),
            _category(entry),
            shape,
        )


def _combination(entry: Mapping[str, object]) -> Combination:
    _check_fields(entry, _COMBINED)
    operands: list[AnyFeature] = []
    for each in _list(entry, "of"):
        if not isinstance(each, dict):
            problem = f"of: {each!r:.80} must be a table, such as {{ aggregation = ... }}"
            raise ValueError(problem)  # noqa: TRY004  # as every error of a declaration
        operands += features_of(cast("Mapping[str, object]", each))
    if len(operands) != _OPERANDS:
        raise ValueError(f"of: must be {_OPERANDS} features, not {len(operands)}")
    operation = _word(Operation, "operation", entry["operation"])
    return Combination(
        str(entry.get("name", "")), operation, (operands[0], operands[1]), _shape(entry)
    )


def _check_fields(entry: Mapping[str, object], known: Sequence[str]) -> None:
    for name in entry:
        if name not in known:
            raise ValueError(f"{name}: is unknown; known are {', '.join(known)}")


def _list(entry: Mapping[str, object], field: str) -> Sequence[object]:
    """One or several: a value alone is a list of one."""
    if field not in entry:
        raise ValueError(f"{field}: is missing")
    value = entry[field]
    found = cast("list[object]", value) if isinstance(value, list) else [value]
    if not found:
        raise ValueError(f"{field}: is empty")
    return found


def _word(kind: type[T], field: str, value: object) -> T:
    try:
        return kind(cast("str", value))
    except ValueError as exc:
        known = ", ".join(kind)
        raise ValueError(f"{field}: {value!r:.80} is none of {known}") from exc


def _window(aggregation: object, text: object) -> Window | None:
    if text is None:
        if aggregation == Aggregation.CATEGORY_BASE_RATE:
            return None
        raise ValueError('window: is missing; such as "30d", "12h" or "ever"')
    if text == EVER:
        return None
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'window: {text!r:.80} must be such as "30d", "12h" or "ever"')
    hours = int(match["count"]) * (24 if match["unit"] == "d" else 1)
    try:
        return Window(hours * MICROS_PER_HOUR)
    except ValueError as exc:
        raise ValueError(f"window: {exc}") from exc


def _category(entry: Mapping[str, object]) -> Of:
    category = entry.get("category")
    if category is not None and not (isinstance(category, str) and category):
        raise ValueError(f"category: {category!r:.80} must be a category, or {TARGET}")
    return TARGET if category == str(TARGET) else category


def _shape(entry: Mapping[str, object]) -> Shape:
    transform, clip = entry.get("transform"), entry.get("clip")
    ends: tuple[float, float] | None = None
    if clip is not None:
        numbers = cast("list[object]", clip) if isinstance(clip, list) else []
        if len(numbers) != _OPERANDS or any(type(each) not in {int, float} for each in numbers):
            raise ValueError(f"clip: {clip!r:.80} must be two numbers, such as [0, 90]")
        ends = float(cast("float", numbers[0])), float(cast("float", numbers[1]))
    named = None if transform is None else _word(Transform, "transform", transform)
    return Shape(ends, named)
