"""Where Prometheus asks: one port for all processes of a command, in OpenMetrics.

Each process counts in files of its own, which are mapped into memory. So what a killed process
counted is still there, and whoever answers adds all of them up.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Metric

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client writes; it looks when it is imported."""


@contextmanager
def exposed(host: str, port: int) -> Iterator[None]:
    """Answers there until the block ends; the processes that are begun in it count."""
    with TemporaryDirectory(prefix="propensity-metrics-") as folder:
        os.environ[FOLDER] = folder
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(FileCollector(Path(folder)))
        server, thread = start_http_server(port, addr=host, registry=registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            del os.environ[FOLDER]


class FileCollector:
    """Adds up what all processes counted; gauges of those that ended count no more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one_at_a_time = Lock()

    def collect(self) -> "Iterator[Metric]":
        """The metrics as they are now."""
        from prometheus_client import multiprocess

        library: Any = multiprocess  # it has no types
        with self._one_at_a_time:
            for path in self._folder.glob("*.db"):
                found = re.search(r"_(\d+)\.db$", path.name)
                if found is not None and not _runs(int(found[1])):
                    _put_together(path)
            files = [str(path) for path in self._folder.glob("*.db") if _is_begun(path)]
            metrics = list(library.MultiProcessCollector.merge(files))
        yield from metrics


def _put_together(path: Path) -> None:
    """The file of a process that ended is gone; what it counted is in one file of all such.

    Otherwise each worker that is replaced would leave files, and every answer would read them.
    """
    from adapters.metrics.files import RoomyFile

    kind = path.name.partition("_")[0]
    if kind != "gauge" and _is_begun(path):
        ended = RoomyFile(str(path.with_name(f"{kind}_ended.db")))
        counted = [
            (key, value) for key, value, *_ in RoomyFile.read_all_values_from_file(str(path))
        ]
        before = [ended.read_value(key)[0] for key, _ in counted]  # on a full disk this may fail
        for (key, value), so_far in zip(counted, before, strict=True):
            ended.write_value(key, so_far + value, 0.0)
        ended.close()
    path.unlink()


def _is_begun(path: Path) -> bool:
    """Whether a file holds something: a process that starts makes it, and fills it then."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # of a process that ended, as another answer found
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
