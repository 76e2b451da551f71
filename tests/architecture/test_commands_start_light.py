"""A command loads what it uses: help loads nothing, a command about tables no model and no HTTP."""

import json
import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.cli.main import COMMANDS, app
from domain.errors import PropensityError

HTTP = {"litestar", "uvicorn", "cryptography"}
AWS = {"botocore", "pynamodb", "aiohttp", "obstore"}
MODELS = {"numpy", "onnx", "onnxruntime", "sklearn", "skl2onnx", "pandas", "pyarrow"}
PROGRAM = """
import json, sys
from api.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    """The top-level packages that a command has imported when it ends."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PROPENSITY_")
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        check=True,
        capture_output=True,
        cwd=folder,
        env=environment
        | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PROPENSITY_READ_DEADLINE_S": "0.1",
            "PROPENSITY_WRITE_DEADLINE_S": "0.1",
            "PROPENSITY_DYNAMODB_ENDPOINT": "http://127.0.0.1:9",
        },
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["settings"]], ids=" ".join)
def test_what_needs_no_store_loads_none(arguments: list[str], tmp_path: Path) -> None:
    assert not (HTTP | AWS | MODELS | {"pydantic"}) & loaded_by(tmp_path, *arguments)


@pytest.mark.parametrize("arguments", [["tables", "check"], ["cancel", "c", "p"]], ids=" ".join)
def test_what_asks_for_no_prediction_loads_no_model(arguments: list[str], tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, *arguments)
    assert "pynamodb" in loaded
    assert not (HTTP | MODELS | {"pydantic"}) & loaded


def test_what_asks_for_no_item_loads_no_transport(tmp_path: Path) -> None:
    assert "aiohttp" not in loaded_by(tmp_path, "tables", "check")


@pytest.mark.parametrize("arguments", [["predict", "c"], ["audience", "c"]], ids=" ".join)
def test_what_predicts_loads_no_server(arguments: list[str], tmp_path: Path) -> None:
    assert not (HTTP | {"sklearn", "skl2onnx", "pydantic"}) & loaded_by(tmp_path, *arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_line_of_the_help_is_that_of_the_command(name: str) -> None:
    group: typing.Any = typer.main.get_command(app)
    first = group.commands[name].help.split("\n\n")[0]
    assert COMMANDS[name][1] == " ".join(first.split())


def test_a_command_nobody_wrote_is_refused_with_a_name_alike() -> None:
    result = CliRunner().invoke(app, ["predikt"])
    assert result.exit_code == 2
    assert "predict" in result.output
    assert not isinstance(result.exception, PropensityError)
