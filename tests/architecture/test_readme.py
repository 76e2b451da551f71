"""The README is true: its settings, its commands and its files exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from api.cli.main import app
from api.process import PREFIX, described

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = sorted(
    set(re.findall(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?(propensity .*)$", README, re.MULTILINE))
)


@pytest.mark.parametrize(("name", "meaning"), described().items())
def test_every_setting_has_a_line(name: str, meaning: str) -> None:
    assert f"| `{PREFIX}{name.upper()}` |" in README
    assert meaning
    assert meaning in README


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_every_link_to_a_file_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
