"""The trees drawn at the top of the error modules are the real ones."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from domain import errors as domain_errors
from model_registry import errors as registry_errors


def drawn(module: ModuleType) -> set[tuple[str, str]]:
    """Parent and child of every edge drawn."""
    edges, path = set(), [""] * 4
    for line in (module.__doc__ or "").splitlines():
        if line.strip()[:2] in {"* ", "x ", "+ "}:
            depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[1]
            path[depth] = name
            if depth:
                edges.add((path[depth - 1], name))
    return edges


def real(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Parent and child of every error defined here."""
    for member in vars(module).values():
        if isinstance(member, type) and member.__module__ == module.__name__:
            for base in member.__bases__:
                if base is not Exception:
                    yield base.__name__, member.__name__


@pytest.mark.parametrize("module", [domain_errors, registry_errors], ids=lambda m: m.__name__)
def test_the_drawn_tree_is_the_real_tree(module: ModuleType) -> None:
    assert drawn(module) == set(real(module))
