"""Rooms: a package has a purpose in one sentence, and a door that its neighbours use."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "model_registry", "adapters", "api")
ROOMS = sorted(
    ".".join(init.parent.relative_to(ROOT).parts)
    for package in PACKAGES
    for init in (ROOT / package).rglob("*/__init__.py")
)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def exported(room: str) -> frozenset[str]:
    return frozenset(getattr(import_module(room), "__all__", ()))


def imports_past_a_door(path: Path) -> list[str]:
    """What a module takes from inside a room though the room's door has it."""
    here = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return [
        f"line {node.lineno}: take {alias.name} from {room}, not from {node.module}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
        for room in ROOMS
        if node.module.startswith(f"{room}.") and not f"{here}.".startswith(f"{room}.")
        if not here.endswith("__init__") or not node.module.startswith(f"{here[:-8]}")
        for alias in node.names
        if alias.name in exported(room)
    ]


def test_there_are_rooms() -> None:
    assert len(ROOMS) > 20


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_its_purpose_in_one_sentence(room: str) -> None:
    purpose = (import_module(room).__doc__ or "").strip()
    assert purpose.endswith(".")
    assert "\n\n" not in purpose


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_neighbours_use_the_door(path: Path) -> None:
    assert imports_past_a_door(path) == []
