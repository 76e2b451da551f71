"""Executes the notebook of the docs and keeps what its cells print.

Lines that begin with ! go to the shell, as in Jupyter; the rest is Python. Run it after a change:
python -m tests.docs.notebook
"""

import ast
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from adapters.listening import free_port
from tests.docs.pages import DOCS, ROOT

NOTEBOOK = DOCS / "tutorial" / "train-your-own.ipynb"
_BIN = Path(sys.executable).parent


def cells_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells with code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def execute(notebook: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The notebook with its outputs, run in that folder; it leaves its names behind.

    Raises:
        RuntimeError: a cell fails; tells what it printed.
    """
    environment = {
        "PATH": f"{_BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "COLUMNS": "110",
    }
    names: dict[str, Any] = {}
    with contextlib.chdir(folder), patch.dict(os.environ, environment):
        try:
            for number, cell in enumerate(cells_of(notebook), start=1):
                printed = _run("".join(cell["source"]), names)
                cell["execution_count"] = number
                cell["outputs"] = [_stream(printed)] if printed else []
        finally:
            subprocess.run(["propensity", "db", "stop"], check=False, capture_output=True)
    notebook["names"] = names
    return notebook


def _run(source: str, names: dict[str, Any]) -> str:
    """What a cell prints: its lines of the shell and of Python, in their order."""
    out = io.StringIO()
    python: list[str] = []
    for line in source.splitlines():
        if line.startswith("!"):
            _python("\n".join(python), names, out)
            python.clear()
            out.write(_shell(line[1:]))
        else:
            python.append(line)
    _python("\n".join(python), names, out)
    return out.getvalue()


def _shell(line: str) -> str:
    done = subprocess.run(  # noqa: S602  # our own notebook
        line, shell=True, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{line}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _python(source: str, names: dict[str, Any], out: io.StringIO) -> None:
    """Runs the statements, and prints the last one's value if it is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "cell", "exec"), names)  # noqa: S102  # our own notebook
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
            if value is not None:
                out.write(f"{value}\n")


def _stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def main() -> None:
    """The stored notebook is executed anew."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(json.loads(NOTEBOOK.read_text()), Path(folder))
    del notebook["names"]
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
