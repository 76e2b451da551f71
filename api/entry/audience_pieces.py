"""A piece of an audience, scored in a process of its own: what `Workers` run."""

from dataclasses import dataclass

from api.composition import audience_parts
from api.entry.worker_process import WorkerProcess, for_workers
from api.process import Settings
from domain.audience import AudienceQuery, AudienceSummary, Member, Piece, ReadWay, ScoreAudience
from domain.categories import Position
from domain.values import MICROS_PER_SECOND

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
        return cls(
            settings=for_workers(settings),
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
        process = WorkerProcess.of(self.settings)
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
