"""What this process has used so far."""

import json
import resource
import sys
from collections.abc import Mapping


def cpu_seconds() -> float:
    """CPU time of all threads of this process, in the kernel too."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """The most resident memory ever, in units of 10**6 bytes.

    Linux hands the figure of the starting process down to the started one, so whoever starts a
    measured process must be the smaller of the two.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def report(figures: Mapping[str, object]) -> None:
    """The figures are on standard output, for the process that asked for them."""
    sys.stdout.write(json.dumps(figures) + "\n")
