"""Feature sets, for those who need no tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.features import DeclaredSet


def built_in_sets() -> "Mapping[str, DeclaredSet]":
    """The feature sets that come with propensity, by name."""
    from adapters.feature_sets import built_in_sets as built_in

    return built_in()


def feature_set_of(chosen: str) -> "DeclaredSet":
    """The set that NAME, FILE or FILE:NAME means.

    Raises:
        Rejected: there is none; says where and why.
    """
    from adapters.feature_sets import feature_set_of as find

    return find(chosen)


def read_feature_sets(file: str) -> "Mapping[str, DeclaredSet]":
    """Every set that a file declares, by name.

    Raises:
        Rejected: it declares something else; says in which line, and why.
    """
    from adapters.feature_sets import read_feature_sets as read

    return read(Path(file))
