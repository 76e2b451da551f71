"""The options of commands that spread their work over several processes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api import composition
from domain.errors import Rejected
from domain.spreading import Workers


@dataclass(frozen=True, slots=True)
class Spreading:
    """Which processes work, and where their parts go; None: a folder that is removed again."""

    workers: Workers
    parts: str | None

    @classmethod
    def of(
        cls, *, processes: int | None, scheduler: str | None, parts: str | None
    ) -> "Spreading | None":
        """What the options ask for; None: no other process.

        Raises:
            Rejected: the options do not go together.
        """
        if processes is not None and scheduler is not None:
            raise Rejected("--scheduler", "goes without --workers: the scheduler has its own")
        if scheduler is not None and parts is None:
            raise Rejected("--scheduler", "needs --parts: a place that every worker can write to")
        workers = composition.workers_of(processes=processes, scheduler=scheduler)
        if workers is None:
            if parts is not None:
                raise Rejected("--parts", "goes with --workers or --scheduler")
            return None
        if parts is not None and parts.startswith("memory:"):
            raise Rejected("--parts", "must be a place that every process reaches, not memory")
        return cls(workers, parts)

    @contextmanager
    def place(self) -> Iterator[str]:
        """Where the parts go; a temporary folder is gone after the block."""
        if self.parts is not None:
            yield self.parts
            return
        with tempfile.TemporaryDirectory(prefix="propensity-") as folder:
            yield folder
