"""A partition of an import, loaded in a process of its own: what `Workers` run."""

from dataclasses import dataclass, replace

from api.composition import import_parts, import_results
from api.entry.worker_process import WorkerProcess, for_workers
from api.intake import zone_of
from api.process import Settings
from domain.purchases import Conventions, Loaded, LoadPartition, Partition

ROWS_AT_ONCE = 200_000
"""More than a partition has, unless one customer fills it: all purchases of a customer together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionJob:
    """One import, as a process needs to know it; secrets are the process's own.

    The zone travels by its name, so that every process takes it from the tzdata that is pinned.
    """

    settings: Settings
    conventions: Conventions
    timezone: str | None
    parts: str
    rows_at_once: int = ROWS_AT_ONCE

    @classmethod
    def of(
        cls, settings: Settings, conventions: Conventions, *, timezone: str | None, parts: str
    ) -> "PartitionJob":
        """The job of an import."""
        return cls(
            settings=for_workers(settings),
            conventions=replace(conventions, timezone=None),
            timezone=timezone,
            parts=parts,
        )

    def __call__(self, partition: Partition) -> Loaded:
        """What became of the partition, now or earlier.

        Raises:
            StoreUnavailable: the store stopped answering; what was recorded stays so.
            CorruptRecord: what is stored, as a purchase or as a part, is none.
        """
        process = WorkerProcess.of(self.settings)
        load = LoadPartition(
            import_purchases=replace(
                process.application.import_purchases, rows_at_once=self.rows_at_once
            ),
            parts=import_parts(self.parts),
            results=import_results(self.parts),
            conventions=replace(self.conventions, timezone=zone_of(self.timezone)),
        )
        return process.run(load(partition))
