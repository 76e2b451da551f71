"""Retry delays with full jitter, spent against one deadline.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to go on and how long to pause in between, in seconds."""

    deadline_s: float
    first_s: float = 0.025
    longest_s: float = 1.0

    def delays(self) -> Iterator[float]:
        """Pauses before each further attempt; ends when the deadline leaves no room for one."""
        end = time.monotonic() + self.deadline_s
        ceiling = self.first_s
        while (left := end - time.monotonic()) > 0:
            yield min(random.uniform(0, ceiling), left)  # noqa: S311  # jitter, not a secret
            ceiling = min(ceiling * 2, self.longest_s)
