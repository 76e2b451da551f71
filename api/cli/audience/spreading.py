"""An audience over several processes, as the command line asks for it."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from api import composition
from api.cli.output import say
from api.composition import Application
from api.entry.audience_pieces import PieceJob
from domain.audience import AudienceQuery, ReadWay, SpreadAudience
from domain.errors import Rejected
from domain.spreading import Workers
from domain.values import MICROS_PER_SECOND, to_datetime


@dataclass(frozen=True, slots=True)
class Spreading:
    """Which processes score, and where their parts go; None: a folder that is removed again."""

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
        return cls(workers, parts)

    def way(self, chosen: ReadWay | None) -> ReadWay:
        """How several processes read.

        Raises:
            Rejected: a scan is chosen.
        """
        if chosen is ReadWay.SCAN:
            raise Rejected("--way", "a scan fills the memory of one process; it needs no workers")
        return chosen or ReadWay.BATCH

    @contextmanager
    def over(self, built: Application, query: AudienceQuery) -> Iterator[SpreadAudience]:
        """The service that lists the audience; temporary parts are gone after the block."""
        with ExitStack() as stack:
            place = self.parts
            if place is None:
                place = stack.enter_context(tempfile.TemporaryDirectory(prefix="propensity-"))
            now = built.clock()
            begun = to_datetime(now).strftime("%Y%m%dT%H%M%SZ")
            prefix = f"audiences/{begun}-{secrets.token_hex(4)}/"
            ends_at = now + round(query.deadline_s * MICROS_PER_SECOND)
            yield SpreadAudience(
                score=PieceJob.of(
                    built.settings, query, ends_at=ends_at, parts=place, prefix=prefix
                ),
                parts=composition.audience_parts(place, prefix),
                workers=self.workers,
                shards=built.index.shards,
            )
            if self.parts is not None:
                say(f"parts: {prefix}manifest.json in {self.parts} names them")
