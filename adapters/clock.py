"""The machine's clock."""

import time


class SystemClock:
    """The present instant as the operating system tells it."""

    def __call__(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000
