"""Processes of a benchmark: started, awaited and ended by the script that needs them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from benchmarks.workload import PURCHASES_EACH

_CORES = sorted(os.sched_getaffinity(0))
FEAST = Path(".venv-feast/bin").absolute()
"""Feast's own environment, which `make bench` installs: its versions are not ours."""


def run(module: str, *arguments: object, feast: str = "") -> dict[str, Any]:
    """What the module reported, run to its end in a process of its own; {} if nothing.

    `feast` is the endpoint of a module that needs Feast, and then runs in its environment.

    Raises:
        CalledProcessError: it failed; its words are on standard error.
    """
    command = _command(module, arguments)
    environment = None
    if feast:
        command[0] = str(FEAST / "python")
        environment = {**os.environ, **feast_environment(feast)}
    finished = subprocess.run(  # noqa: S603  # our own modules, no shell
        command, stdout=subprocess.PIPE, check=True, env=environment
    )
    return dict(json.loads(finished.stdout or b"{}"))


def canned_endpoint(customers: int, purchases: int = PURCHASES_EACH) -> AbstractContextManager[str]:
    """The address of a canned endpoint with so many customers, while the block runs."""
    return _endpoint("benchmarks.canned", "--customers", customers, "--purchases", purchases)


def replayed_endpoint(store: str, *, delay_ms: float = 0.0) -> AbstractContextManager[str]:
    """The address of an endpoint that repeats what a store answered, while the block runs."""
    port = store.rpartition(":")[2]
    return _endpoint("benchmarks.replay", "--store-port", port, "--delay-ms", delay_ms)


@contextmanager
def _endpoint(module: str, *arguments: object) -> Iterator[str]:
    command = _command(module, arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # as above
        try:
            port = int(server.stdout.readline() if server.stdout else 0)
            yield f"http://{HOST}:{port}"
        finally:
            server.terminate()


@contextmanager
def embedded_endpoint(customers: int, *arguments: object) -> Iterator[str]:
    """The address of an embedded engine filled with so many customers, while the block runs.

    Further arguments are those of `benchmarks.load_engine`.
    """
    with TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder), free_port())
        engine.start()
        try:
            endpoint = f"http://{HOST}:{engine.port}"
            filling = ("--endpoint", endpoint, "--customers", customers, *arguments)
            run("benchmarks.load_engine", *filling)
            yield endpoint
        finally:
            engine.stop()


def feast_environment(endpoint: str) -> dict[str, str]:
    """What Feast's processes find in their environment; the repo's configuration refers to it."""
    return {
        "BENCHMARK_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
    }


@contextmanager
def feast_repo(endpoint: str, customers: int) -> Iterator[Path]:
    """A feature repository whose online store, at the endpoint, holds so many customers."""
    with TemporaryDirectory() as folder:
        run("benchmarks.peers.feast_repo", folder, customers, feast=endpoint)
        yield Path(folder)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within the block runs on that core alone, where there are two.

    Blocks nest: the innermost decides.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[core % len(_CORES)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def trained_model() -> Iterator[Path]:
    """A folder with model.onnx and pipeline.pickle, while the block runs."""
    with TemporaryDirectory() as folder:
        run("benchmarks.model", folder)
        yield Path(folder)


def _command(module: str, arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]
