"""A piece of an audience, scored in a process of its own: what `Workers` run.

The process keeps its connections and models for the next piece.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from msgspec import structs

from api.composition import application, audience_parts
from api.process import Settings, freeze_garbage, load_settings
from domain.audience import AudienceQuery, AudienceSummary, Member, Piece, ReadWay, ScoreAudience
from domain.categories import Position
from domain.prediction import Traffic
from domain.values import MICROS_PER_SECOND
from model_registry.serving import load

T = TypeVar("T")

CUSTOMERS = 50_000
"""Customers of a piece: some seconds of work, and a megabyte to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceJob:
    """One audience, as a process needs to know it; secrets are the process's own.

    `revision` of the registry is what scores, whatever is promoted meanwhile. `ends_at` is the
    deadline and `as_of` the instant asked about, both in microseconds since the epoch, UTC.
    """

    settings: Settings
    category: str
    as_of: int
    model: str
    revision: int
    way: ReadWay
    ends_at: int
    parts: str
    prefix: str
    most: int = CUSTOMERS

    @classmethod
    def of(  # what makes it
        cls, settings: Settings, query: AudienceQuery, *, ends_at: int, parts: str, prefix: str
    ) -> "PieceJob":
        """The job of a query."""
        plain = structs.replace(
            settings,
            home=settings.home.resolve(),
            access_key_id=None,
            secret_access_key=None,
            cursor_key=None,
            customer_token_secret=None,
            demo_shop=False,
        )
        return cls(
            settings=plain,
            category=query.category,
            as_of=query.as_of,
            model=query.traffic.name,
            revision=query.traffic.champion.revision,
            way=query.way,
            ends_at=ends_at,
            parts=parts,
            prefix=prefix,
        )

    def __call__(self, position: Position) -> Piece:
        """The customers from that position on are scored and written.

        Raises:
            StoreUnavailable: a refusal that retrying cannot mend.
            CorruptRecord: a stored purchase, or the model's score, is none.
        """
        process = _Process.of(self.settings)
        traffic = process.traffic(self.model, self.revision)
        query = AudienceQuery(
            category=self.category,
            as_of=self.as_of,
            traffic=traffic,
            deadline_s=max(0, self.ends_at - process.clock()) / MICROS_PER_SECOND,
            way=self.way,
            within=[position],
            most=self.most,
        )
        members, summary = process.run(_scored(process.application.audience, query))
        part = audience_parts(self.parts, self.prefix).write(members)
        return Piece(position, part, summary)


async def _scored(
    audience: ScoreAudience, query: AudienceQuery
) -> tuple[list[Member], AudienceSummary]:
    """The members in the order of their ids, so that the same answer is the same part."""
    members: list[Member] = []
    async with audience.stream(query) as (batches, summary):
        async for batch in batches:
            members += batch
    return sorted(members, key=lambda member: member.customer_id), summary


class _Process:
    """What a thread of a worker keeps between pieces: an application, its models, an event loop."""

    _here = threading.local()

    def __init__(self, settings: Settings) -> None:
        own = load_settings()
        merged = structs.replace(
            settings, access_key_id=own.access_key_id, secret_access_key=own.secret_access_key
        )
        self._settings = settings
        self._resources = ExitStack()
        self._runner = self._resources.enter_context(asyncio.Runner())
        self.application = self._resources.enter_context(application(merged, batch=True))
        self.clock = self.application.clock
        self._traffic: dict[tuple[str, int], Traffic] = {}

    @classmethod
    def of(cls, settings: Settings) -> "_Process":
        """This thread's, of these settings; that of others is closed."""
        mine: _Process | None = getattr(cls._here, "process", None)
        if mine is None or mine._settings != settings:  # noqa: SLF001  # its own class
            if mine is not None:
                mine._resources.close()  # noqa: SLF001
            mine = cls._here.process = cls(settings)
        return mine

    def traffic(self, model: str, revision: int) -> Traffic:
        """The versions of that revision, checked and loaded once.

        Raises:
            CorruptRecord, NotFound, Unavailable: they cannot be loaded here.
        """
        if (model, revision) not in self._traffic:
            registry = self.application.registry
            at = registry.log(model).at(revision)
            self._traffic[model, revision] = load(registry, model, at)
            freeze_garbage()
        return self._traffic[model, revision]

    def run(self, coroutine: Coroutine[None, None, T]) -> T:
        """Its result, on the loop that the connections belong to."""
        return self._runner.run(coroutine)
