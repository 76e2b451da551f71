"""A line of the log has an event that is listed, at the level that is listed, and no other words."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.process.events import EVENTS, EVERY_LINE, LIBRARY

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def written() -> Iterator[tuple[str, str, str]]:
    """Where, at which level and as which event each line is written."""
    for package in ("domain", "model_registry", "adapters", "api"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="_log"), attr=method),
                        args=[ast.Constant(value=str(event))],
                    ):
                        level = "error" if method == "exception" else method
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", level, event
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"), attr=method)):
                        assert method not in LEVELS, f"{path}:{node.lineno}: give an event's name"


LINES = list(written())


@pytest.mark.parametrize(("where", "level", "event"), LINES, ids=[where for where, _, _ in LINES])
def test_a_line_is_an_event_of_the_list_at_its_level(where: str, level: str, event: str) -> None:
    assert event in EVENTS, f"{where}: list it in api/process/events.py"
    assert EVENTS[event].level == level


def test_every_event_of_the_list_is_written_somewhere() -> None:
    assert EVENTS.keys() - {LIBRARY} == {event for _, _, event in LINES}


def test_a_field_is_named_as_nothing_of_a_record_or_of_every_line() -> None:
    record = logging.LogRecord("", 0, "", 0, "", (), None)
    taken = {*vars(record), *EVERY_LINE, "message", "asctime"}
    for name, event in EVENTS.items():
        assert name == LIBRARY or not taken & event.fields.keys(), name
