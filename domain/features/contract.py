"""Contract: features as plain JSON values, and back; what a version carries of its features."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.features.aggregation import Aggregation
from domain.features.feature import AnyFeature, Combination, Feature, Operation, Shape, Transform
from domain.features.known import TARGET
from domain.values import Window


def written(feature: AnyFeature) -> dict[str, object]:
    """The feature as plain JSON values, complete enough to build it again."""
    if isinstance(feature, Combination):
        return {
            "name": feature.label,
            "operation": str(feature.operation),
            "of": [written(each) for each in feature.of],
            **_written_shape(feature.shape),
        }
    targeted = feature.category is TARGET
    return {
        "aggregation": str(feature.aggregation),
        "window_us": None if feature.window is None else feature.window.length_us,
        "category": None if targeted else feature.category,
        "target": targeted,
        **_written_shape(feature.shape),
    }


def read(entry: Mapping[str, Any]) -> AnyFeature:
    """The feature that an entry of a contract describes.

    Raises:
        ValueError: this code does not know it.
        KeyError: the entry lacks something.
    """
    if "operation" in entry:
        one, other = (read(each) for each in entry["of"])
        return Combination(
            str(entry["name"]), Operation(entry["operation"]), (one, other), _read_shape(entry)
        )
    window_us, category = entry["window_us"], entry["category"]
    named = None if category is None else str(category)
    return Feature(
        Aggregation(entry["aggregation"]),
        None if window_us is None else Window(int(window_us)),
        TARGET if entry["target"] else named,
        _read_shape(entry),
    )


def _written_shape(shape: Shape) -> dict[str, object]:
    return {
        "clip": None if shape.clip is None else [float(end) for end in shape.clip],
        "transform": None if shape.transform is None else str(shape.transform),
    }


def _read_shape(entry: Mapping[str, Any]) -> Shape:
    ends: Sequence[float] | None = entry["clip"]
    transform = entry["transform"]
    clip = None
    if ends is not None:
        low, high = ends
        clip = float(low), float(high)
    return Shape(clip, None if transform is None else Transform(transform))
