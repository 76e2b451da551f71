"""The rooms of the code: sub-packages and modules of the four packages, and what imports what."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

from tests.docs.pages import PACKAGES, ROOT


def rooms(package: str) -> Iterator[tuple[str, str]]:
    """The rooms of a top-level package with their purpose: its sub-packages, then single modules."""
    folders = sorted(each.parent for each in (ROOT / package).glob("*/__init__.py"))
    modules = sorted(each for each in (ROOT / package).glob("*.py") if each.name != "__init__.py")
    for folder in folders:
        yield folder.name, _purpose(folder / "__init__.py")
    for module in modules:
        yield module.stem, _purpose(module)


def _purpose(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ")


@cache
def imports() -> frozenset[tuple[str, str]]:
    """Which top-level package imports which."""
    graph = grimp.build_graph(*PACKAGES)
    return frozenset(
        (package, other)
        for package in PACKAGES
        for other in PACKAGES
        if package != other
        and graph.direct_import_exists(importer=package, imported=other, as_packages=True)
    )
