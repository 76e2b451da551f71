"""What all processes of this command have counted of requests, read from their files."""

import json
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict

_library: Any = mmap_dict  # it has no types
_DURATION = "propensity_http_request_duration_seconds_bucket"
_SHED = "propensity_http_requests_shed_total"
_ASIDE = ("/console", "/livez", "/readyz", "/metrics")
"""Routes that nobody counts as answers to a shop."""


class CountedRequests:
    """Reads the files of a folder; it changes none, so any process may look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> tuple[dict[float, int], int, int]:
        """Answers by the upper bound of their seconds, how many of them failed, and those shed.

        Failed are those with a status from 500 on. All since the command began.
        """
        answers, failed, shed = Counter[float](), 0, 0
        for name, labels, value in self._values("histogram", _DURATION):
            if name == _DURATION and not labels["route"].startswith(_ASIDE):
                answers[float(labels["le"])] += int(value)
                failed += int(value) if labels["status"] >= "500" else 0
        for _, _, value in self._values("counter", _SHED):
            shed += int(value)
        return dict(sorted(answers.items())), failed, shed

    def _values(self, kind: str, name: str) -> Iterator[tuple[str, dict[str, str], float]]:
        for path in self._folder.glob(f"{kind}_*.db"):
            try:
                found = list(_library.MmapedDict.read_all_values_from_file(str(path)))
            except (FileNotFoundError, ValueError, struct.error):  # a process ended, or only begins
                continue
            for key, value, *_ in found:
                if f'"{name}"' in key:
                    _, sample, labels, _ = json.loads(key)
                    yield sample, labels, value
