"""What this process has used so far."""

import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path


def cpu_seconds() -> float:
    """CPU time of all threads of this process, in the kernel too."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds_of(process: int) -> float:
    """CPU time of a process and everything that it started, ended ones too. Source: proc(5)."""
    ticks = 0
    for folder in _tree(process):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb_of(process: int) -> float:
    """Resident memory of a process and all that it started, now, in units of 10**6 bytes. Source: proc(5)."""
    pages = sum(int((folder / "statm").read_text().split()[1]) for folder in _tree(process))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tree(process: int) -> Iterator[Path]:
    """The folders in proc of a process and of those that it started."""
    pending = [process]
    while pending:
        folder = Path("/proc") / str(pending.pop())
        yield folder
        for children in folder.glob("task/*/children"):
            pending += map(int, children.read_text().split())


def peak_mb() -> float:
    """The most resident memory ever of this process, in units of 10**6 bytes.

    Elsewhere than on Linux it is that of getrusage, which a process may inherit from its parent.
    """
    if Path("/proc/self/status").exists():
        return peak_mb_of("self")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def peak_mb_of(process: int | str) -> float:
    """The most resident memory ever of one process, in units of 10**6 bytes. Source: proc(5), VmHWM."""
    status = (Path("/proc") / str(process) / "status").read_text()
    (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def report(figures: Mapping[str, object]) -> None:
    """The figures are on standard output, for the process that asked for them."""
    sys.stdout.write(json.dumps(figures) + "\n")
