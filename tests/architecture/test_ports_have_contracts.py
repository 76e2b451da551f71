"""A port without a shared contract suite is a hope."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import pytest

from domain.audience.reads import RecentScores

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "tests" / "contracts"
INSIDE = {RecentScores}
"""Protocols between two modules of one room: nothing outside implements them."""


def protocols(module: ModuleType) -> list[type]:
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if getattr(member, "_is_protocol", False) and member.__module__ == module.__name__
    ]


PORTS = [
    port
    for package in ("domain", "model_registry")
    for found in walk_packages([str(ROOT / package)], f"{package}.")
    for port in protocols(import_module(found.name))
    if port not in INSIDE
]


def test_every_room_is_searched() -> None:
    assert {port.__module__.split(".")[0] for port in PORTS} == {"domain", "model_registry"}
    assert len(PORTS) >= 16


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_port_has_a_contract_suite(port: type) -> None:
    stem = re.sub(r"(?<!^)(?=[A-Z])", "_", port.__name__).lower()
    suite = CONTRACTS / f"test_{stem}.py"
    assert suite.exists(), f"write tests/contracts/{suite.name}: one test for each promise"


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_port_says_what_it_promises(port: type) -> None:
    assert "Promises:" in (port.__doc__ or ""), (
        f"the docstring of {port.__name__} lists no promises"
    )


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_port_is_small(port: type) -> None:
    own = [name for name, member in vars(port).items() if inspect.isfunction(member)]
    assert len([name for name in own if name not in {"__init__", "__subclasshook__"}]) <= 5
