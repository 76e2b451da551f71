"""Spread: one audience scored by many processes, in pieces that may run twice and count once.

A piece is some customers of one shard, from a position on. Whoever scores it writes its members to
a part, and says where the next piece begins. The audience is the parts that the manifest names.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from domain.audience.member import Member
from domain.audience.reads import AudienceSummary
from domain.audience.stream import AudienceQuery
from domain.categories import Position
from domain.cost import count
from domain.errors import StoreUnavailable
from domain.pacing import Pacing
from domain.spreading import Patience, Spread, Workers


@dataclass(frozen=True, slots=True)
class Part:
    """Members that are kept under a name, and how many."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of the customers from a position on: where they are, and what they amount to."""

    position: Position
    part: Part
    summary: AudienceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsManifest:
    """The parts that are an audience, in the order of their positions; no other part counts."""

    query: AudienceQuery
    pieces: Sequence[Piece]
    summary: AudienceSummary


class AudienceParts(Protocol):
    """Where the members of pieces are kept.

    Promises: a part is read as it was written, or not at all. The same members are one part,
    however often they are written. A manifest is there whole, or not at all.
    """

    def write(self, members: Sequence[Member], /) -> Part:
        """These members are kept from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def read(self, part: Part, /) -> Iterator[Sequence[Member]]:
        """The members of the part in their order, in batches.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is not what was written.
        """
        ...

    def commit(self, manifest: PartsManifest, /) -> None:
        """These parts, all of them at once, are the audience.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadAudience:
    """Streams the same members as `ScoreAudience`, in the order of their shards and ids.

    `score` runs on the workers, so it and what it returns can be pickled. One deadline and one
    pace hold for all: when the store refuses anybody, fewer pieces run at once.
    """

    score: Callable[[Position], Piece]
    parts: AudienceParts
    workers: Workers
    shards: int
    pacing: Pacing = field(default_factory=Pacing)

    @asynccontextmanager
    async def stream(
        self, query: AudienceQuery, /
    ) -> AsyncGenerator[tuple[AsyncIterator[Sequence[Member]], AudienceSummary], None]:
        """The members in batches, some of them empty, and the summary so far.

        All pieces are scored and committed before the first member comes.

        Raises:
            StoreUnavailable: a refusal that retrying cannot mend, such as a missing permission.
            CorruptRecord: a stored purchase, the model's score, or a part is none.
        """
        summary = AudienceSummary(way=query.way)
        yield self._members(query, summary), summary

    async def _members(
        self, query: AudienceQuery, summary: AudienceSummary
    ) -> AsyncIterator[Sequence[Member]]:
        pieces: list[Piece] = []
        with self._spread(query) as spread:
            async for _, piece in spread.answers():
                pieces.append(piece)
                _count(piece, summary)
                spread.pace(refused=piece.summary.refusals > 0)
                spread.add(piece.summary.following)
                yield ()  # whoever shows progress looks at the summary
            summary.unlisted.update(position.shard for position in spread.given_up)
        if summary.unlisted and not (summary.scored or summary.unread):
            raise StoreUnavailable("no customer of the category could be listed in time")
        pieces.sort(key=lambda piece: (piece.position.shard, piece.position.after or ""))
        manifest = PartsManifest(query=query, pieces=pieces, summary=summary)
        await asyncio.to_thread(self.parts.commit, manifest)
        for piece in pieces:
            for batch in self.parts.read(piece.part):
                yield batch

    def _spread(self, query: AudienceQuery) -> Spread[Position, Piece]:
        return Spread(
            self.score,
            map(Position, range(self.shards)),
            workers=self.workers,
            pacing=self.pacing,
            patience=Patience(ends_at=self.pacing.seconds() + query.deadline_s),
        )


def _count(piece: Piece, summary: AudienceSummary) -> None:
    summary.merge(piece.summary)
    summary.cost.add(piece.summary.cost)
    count(piece.summary.cost)
