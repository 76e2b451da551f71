"""Spread: one audience scored by many processes, in pieces that may run twice and count once.

A piece is some customers of one shard, from a position on. Whoever scores it writes its members to
a part, and says where the next piece begins. The audience is the parts that the manifest names.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self

from domain.audience.member import Member
from domain.audience.pacing import AdaptiveLimit, Pacing
from domain.audience.reads import AudienceSummary
from domain.audience.stream import AudienceQuery
from domain.categories import Position
from domain.cost import count
from domain.errors import StoreUnavailable

MOST_TRIES = 10
"""So often a lost piece is begun again. Then its shard is said to be unlisted."""
LATE_S = 30.0
"""Seconds after the deadline in which a piece may still say what it has."""


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


class Workers(Protocol):
    """Processes that run calls, here or on other machines.

    Promises: a call's result or error comes back once. Where the process that ran it is gone, or
    all of them are, an error of `lost` comes instead. Then they may be opened again.
    """

    @property
    def count(self) -> int:
        """How many calls run at once, as far as is known."""
        ...

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """The errors that say nothing of the call: it may be made again."""
        ...

    def open(self) -> AbstractContextManager[Executor]:
        """What runs calls until the block ends; who still runs then is cancelled.

        Raises:
            StoreUnavailable: nobody is there to run them.
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
        with _Run(self, self.pacing.seconds() + query.deadline_s, summary) as run:
            async for piece in run.pieces():
                pieces.append(piece)
                _count(piece, summary)
                yield ()  # whoever shows progress looks at the summary
        if summary.unlisted and not (summary.scored or summary.unread):
            raise StoreUnavailable("no customer of the category could be listed in time")
        pieces.sort(key=lambda piece: (piece.position.shard, piece.position.after or ""))
        manifest = PartsManifest(query=query, pieces=pieces, summary=summary)
        await asyncio.to_thread(self.parts.commit, manifest)
        for piece in pieces:
            for batch in self.parts.read(piece.part):
                yield batch


def _count(piece: Piece, summary: AudienceSummary) -> None:
    summary.merge(piece.summary)
    summary.cost.add(piece.summary.cost)
    count(piece.summary.cost)


class _Run:
    """The pieces of one audience on their way."""

    def __init__(self, spread: SpreadAudience, ends_at: float, summary: AudienceSummary) -> None:
        self._spread = spread
        self._ends_at = ends_at
        self._summary = summary
        self._waiting = deque(Position(shard) for shard in range(spread.shards))
        self._running: dict[asyncio.Future[Piece], Position] = {}
        self._tries: Counter[Position] = Counter()
        self._opened = ExitStack()
        self._executor = self._opened.enter_context(spread.workers.open())
        # A worker has the next piece at hand when it is done with one.
        self._limit = AdaptiveLimit(2 * spread.workers.count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._running:
            future.cancel()
        self._opened.close()

    async def pieces(self) -> AsyncIterator[Piece]:
        """Every piece once, as they come; whose rest nobody could say is unlisted."""
        while self._waiting or self._running:
            await self._submit()
            if not self._running:
                return
            left = max(0.0, self._ends_at - self._spread.pacing.seconds()) + LATE_S
            done, _ = await asyncio.wait(
                self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                self._give_up()
            for future in done:
                position = self._running.pop(future)
                piece = self._told(future)
                if piece is None:
                    self._lose(position)
                else:
                    self._pace(piece.summary)
                    self._waiting.extend(piece.summary.following)
                    yield piece

    def _told(self, future: asyncio.Future[Piece]) -> Piece | None:
        """What a piece came to; None: nobody can say, and it may be scored again."""
        if future.cancelled():
            return None
        try:
            return future.result()
        except self._spread.workers.lost:
            return None
        except StoreUnavailable as exc:
            if exc.transient:
                return None
            raise

    async def _submit(self) -> None:
        """As many pieces run as the pace allows; workers that are gone are looked for again."""
        while self._waiting and len(self._running) < self._limit.limit:
            try:
                future = self._executor.submit(self._spread.score, self._waiting[0])
            except self._spread.workers.lost:
                await self._reopen()
            else:
                self._running[asyncio.wrap_future(future)] = self._waiting.popleft()

    async def _reopen(self) -> None:
        """Looks for workers until the deadline; then whoever is not scored is not."""
        await asyncio.to_thread(self._opened.close)
        failures = 0
        while not self._late:
            try:
                opening = self._spread.workers.open()
                self._executor = await asyncio.to_thread(self._opened.enter_context, opening)
            except (StoreUnavailable,) + self._spread.workers.lost:  # noqa: RUF005  # for mypy
                await self._spread.pacing.pause(self._spread.pacing.pause_after(failures))
                failures += 1
            else:
                return
        self._give_up()

    @property
    def _late(self) -> bool:
        return self._spread.pacing.seconds() >= self._ends_at

    def _lose(self, position: Position) -> None:
        self._tries[position] += 1
        if self._late or self._tries[position] > MOST_TRIES:
            self._summary.unlisted.add(position.shard)
        else:
            self._waiting.append(position)

    def _give_up(self) -> None:
        for position in (*self._waiting, *self._running.values()):
            self._summary.unlisted.add(position.shard)
        self._waiting.clear()
        for future in self._running:
            future.cancel()
        self._running.clear()

    def _pace(self, summary: AudienceSummary) -> None:
        if summary.refusals:
            self._limit.refused()
        else:
            self._limit.served()
