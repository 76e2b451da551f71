"""A Dask cluster on loopback, of processes as an operator starts them: each can be killed."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.listening import HOST, free_port

ROOT = Path(__file__).parents[1]


class DaskCluster:
    """A scheduler on a port of its own, and workers of one thread each."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://{HOST}:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._folder = folder
        self._log = (folder / "dask.log").open("ab")
        self._scheduler: subprocess.Popen[bytes] | None = None

    def start_scheduler(self) -> None:
        """The scheduler answers."""
        port = self.address.rpartition(":")[2]
        self._scheduler = self._run("scheduler", "--host", HOST, "--port", port, "--no-show")

    def start_worker(self) -> None:
        """One more worker, which finds the scheduler by itself, once it is there."""
        options = ("--host", HOST, "--nthreads", "1", "--death-timeout", "300")
        folder = ("--local-directory", str(self._folder))
        worker = self._run("worker", self.address, *options, "--no-nanny", *folder)
        self.workers.append(worker)

    def kill_worker(self) -> None:
        """One worker is gone at once."""
        if self.workers:
            _kill(self.workers.pop(0))

    def kill_scheduler(self) -> None:
        """The scheduler is gone at once, with all that it knew."""
        if self._scheduler is not None:
            _kill(self._scheduler)

    def close(self) -> None:
        """Nothing of it runs any more."""
        while self.workers:
            self.kill_worker()
        self.kill_scheduler()
        self._log.close()

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(  # our own Python, no shell
            command, stdout=self._log, stderr=self._log, env=environment, cwd=self._folder
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def misfortune(seed: int, cluster: DaskCluster, over: threading.Event) -> None:
    """Workers are killed and replaced; once, so is the scheduler. They need seconds to start."""
    dice = random.Random(seed)
    for step in range(4):
        if over.wait(dice.uniform(0.5, 4.0)):
            return
        cluster.kill_worker()
        if step == seed % 4:
            cluster.kill_scheduler()
            cluster.start_scheduler()
        cluster.start_worker()


@contextmanager
def dask_cluster(folder: Path, *, workers: int = 2) -> Iterator[DaskCluster]:
    """A cluster with so many workers, while the block runs."""
    cluster = DaskCluster(folder)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.close()
