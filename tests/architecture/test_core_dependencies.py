"""The core imports the standard library, numpy and itself; the registry also msgspec, to decode."""

import sys

import grimp
import pytest

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
