"""Write down an act before it is done, so that none is done unseen."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

from domain.audit.entry import Act, Entry, Outcome, Target
from domain.audit.ports import AuditLog
from domain.errors import Unavailable
from domain.values import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who acts, and by which request or command."""

    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """Appends an entry before each act. An act whose entry cannot be kept is not done.

    One that fails has a second entry, if that can still be kept.
    """

    log: AuditLog
    clock: Clock

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
