"""Write down an act before it is done, so that none is done unseen."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

from domain.audit.entry import Act, Entry, Outcome, Target
from domain.audit.ports import AuditLog
from domain.errors import Unavailable
from domain.values import MICROS_PER_DAY, Clock

DAYS_AT_ONCE = 30
"""That are looked through for entries at most: each day is a folder of the object store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who acts, and by which request or command."""

    actor: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Newest:
    """Entries, the newest first; `since` then nothing was left out, in microseconds, UTC."""

    entries: Sequence[Entry]
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """Appends an entry before each act. An act whose entry cannot be kept is not done.

    One that fails has a second entry, if that can still be kept.
    """

    log: AuditLog
    clock: Clock

    def newest(self, *, before: int, most: int, wanted: Callable[[Entry], bool]) -> Newest:
        """The newest entries that are wanted, of before that instant: microseconds, UTC. It blocks.

        `most` of them, and those of the same instant as the last. At most DAYS_AT_ONCE days are
        looked through.

        Raises:
            StoreUnavailable: they could not all be read.
            CorruptRecord: what is stored is no entry.
        """
        found: list[Entry] = []
        until = before
        for _ in range(DAYS_AT_ONCE):
            if until <= 0:
                break
            since = (until - 1) // MICROS_PER_DAY * MICROS_PER_DAY
            of_day = self.log.entries(since=since, until=until)
            found += [entry for entry in reversed(of_day) if wanted(entry)]
            until = since
            if len(found) > most:
                until = found[most - 1].at
                found = [entry for entry in found if entry.at >= until]
                break
        return Newest(found, until)

    @contextmanager
    def act(self, who: Who, act: Act, target: Target, name: str | None = None) -> Generator[None]:
        """The block is the act; it blocks while it writes.

        Raises:
            StoreUnavailable: the entry could not be kept; nothing was done.
        """
        entry = self._entry(who, act, target, name)
        self.log.append(entry)
        try:
            yield
        except BaseException:
            with suppress(Unavailable):
                self.log.append(self._failed(entry))
            raise

    @asynccontextmanager
    async def act_async(
        self, who: Who, act: Act, target: Target, name: str | None = None
    ) -> AsyncGenerator[None]:
        """As `act`, and nothing of the event loop is blocked."""
        entry = self._entry(who, act, target, name)
        await asyncio.to_thread(self.log.append, entry)
        try:
            yield
        except BaseException:
            with suppress(Unavailable):
                await asyncio.to_thread(self.log.append, self._failed(entry))
            raise

    def _entry(self, who: Who, act: Act, target: Target, name: str | None) -> Entry:
        return Entry(
            at=self.clock(),
            actor=who.actor,
            act=act,
            target=target,
            request_id=who.request_id,
            name=name,
        )

    def _failed(self, entry: Entry) -> Entry:
        return replace(entry, at=self.clock(), outcome=Outcome.FAILED)
