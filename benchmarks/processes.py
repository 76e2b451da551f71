"""Processes of a benchmark: started, awaited and ended by the script that needs them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.embedded import HOST, EmbeddedEngine, free_port


def run(module: str, *arguments: object) -> dict[str, Any]:
    """What the module reported, run to its end in a process of its own; {} if nothing.

    Raises:
        CalledProcessError: it failed; its words are on standard error.
    """
    finished = subprocess.run(  # noqa: S603  # our own modules, no shell
        _command(module, arguments), stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(finished.stdout or b"{}"))


@contextmanager
def canned_endpoint(customers: int) -> Iterator[str]:
    """The address of a canned endpoint with so many customers, while the block runs."""
    command = _command("benchmarks.canned", ("--customers", customers))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # as above
        try:
            port = int(server.stdout.readline() if server.stdout else 0)
            yield f"http://{HOST}:{port}"
        finally:
            server.terminate()


@contextmanager
def embedded_endpoint(customers: int) -> Iterator[str]:
    """The address of an embedded engine filled with so many customers, while the block runs."""
    with TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder), free_port())
        engine.start()
        try:
            endpoint = f"http://{HOST}:{engine.port}"
            run("benchmarks.load_engine", "--endpoint", endpoint, "--customers", customers)
            yield endpoint
        finally:
            engine.stop()


@contextmanager
def trained_model() -> Iterator[Path]:
    """A folder with model.onnx and pipeline.pickle, while the block runs."""
    with TemporaryDirectory() as folder:
        run("benchmarks.model", folder)
        yield Path(folder)


def _command(module: str, arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]
