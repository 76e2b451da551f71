"""An audience over several processes, as the command line asks for it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from api import composition
from api.cli.output import say
from api.cli.spreading import Spreading
from api.composition import Application
from api.entry.audience_pieces import PieceJob
from domain.audience import AudienceQuery, ReadWay, SpreadAudience
from domain.errors import Rejected
from domain.values import MICROS_PER_SECOND, to_datetime


def way_of_several(chosen: ReadWay | None) -> ReadWay:
    """How several processes read.

    Raises:
        Rejected: a scan is chosen.
    """
    if chosen is ReadWay.SCAN:
        raise Rejected("--way", "a scan fills the memory of one process; it needs no workers")
    return chosen or ReadWay.BATCH


@contextmanager
def spread_audience(
    spreading: Spreading, built: Application, query: AudienceQuery
) -> Iterator[SpreadAudience]:
    """The service that lists the audience; temporary parts are gone after the block."""
    with spreading.place() as place:
        now = built.clock()
        begun = to_datetime(now).strftime("%Y%m%dT%H%M%SZ")
        prefix = f"audiences/{begun}-{secrets.token_hex(4)}/"
        ends_at = now + round(query.deadline_s * MICROS_PER_SECOND)
        yield SpreadAudience(
            score=PieceJob.of(built.settings, query, ends_at=ends_at, parts=place, prefix=prefix),
            parts=composition.audience_parts(place, prefix),
            workers=spreading.workers,
            shards=built.index.shards,
        )
        if spreading.parts is not None:
            say(f"parts: {prefix}manifest.json in {spreading.parts} names them")
