"""Every command that README and docs name exists, with these arguments and options."""

from collections.abc import Sequence
from typing import Any

import pytest
import typer

from api.cli.main import app
from tests.docs.consoles import consoles, pages

COMMANDS = sorted(
    {tuple(command) for page in pages() for block in consoles(page) for command in block.commands}
)


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("given", COMMANDS, ids=" ".join)
def test_every_command_parses(given: Sequence[str]) -> None:
    words = list(given)
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    if words != ["--version"]:
        command.make_context(command.name, words)
