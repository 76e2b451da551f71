"""What a process is at: its event loop, its memory, and the disks that it writes to."""

import os
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram

from adapters.metrics.cells import live_gauge
from adapters.metrics.store import SECONDS

_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")


class ProcessMetrics:
    """What is looked at each second. `folders` are local ones by what they hold."""

    def __init__(self, registry: CollectorRegistry, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._lag = Histogram(
            "propensity_event_loop_lag_seconds",
            "How late the event loop comes to what was due, looked at each second.",
            buckets=SECONDS,
            registry=registry,
        )
        self._memory = live_gauge(
            registry,
            "propensity_process_resident_memory_bytes",
            "Resident memory of all processes together.",
        )
        self._open = live_gauge(
            registry,
            "propensity_process_open_fds",
            "Open file descriptors of all processes together.",
        )
        self._free = live_gauge(
            registry,
            "propensity_disk_free_bytes",
            "What may still be written to the disk of a local folder.",
            "folder",
            mode="livemin",
        )

    def looked(self, lag_s: float) -> None:
        """A second has passed, and the loop was so late."""
        self._lag.observe(lag_s)
        if _STATM.exists():  # on Linux
            pages = int(_STATM.read_text().split()[1])
            self._memory.set(pages * os.sysconf("SC_PAGE_SIZE"))
            self._open.set(sum(1 for _ in _DESCRIPTORS.iterdir()))
        for name, folder in self._folders.items():
            if folder.exists():  # it is made when it is first written to
                disk = os.statvfs(folder)
                self._free.labels(name).set(disk.f_bavail * disk.f_frsize)
