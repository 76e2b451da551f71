"""The core imports the standard library, numpy and itself; the registry also msgspec, to decode."""

import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {"domain": {"numpy"}, "model_registry": {"domain", "numpy", "msgspec"}}


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_core_imports_only_the_allowed(package: str) -> None:
    graph = grimp.build_graph(
        "domain", "model_registry", include_external_packages=True, cache_dir=None
    )
    found = {
        imported.split(".")[0]
        for module in graph.modules
        if module == package or module.startswith(f"{package}.")
        for imported in graph.find_modules_directly_imported_by(module)
    } - {package}
    assert found - set(sys.stdlib_module_names) <= ALLOWED[package]


def test_every_dependency_of_the_product_names_its_oldest_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["local"], *extras["train"]]
    assert [each for each in named if ">=" not in each] == []
