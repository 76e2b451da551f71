"""An import over several processes: partitioned once, loaded part by part, and gone on with."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from api import composition
from api.cli.import_run import import_progress
from api.cli.output import say
from api.cli.refused_rows import RefusedRows
from api.cli.spreading import Spreading
from api.composition import Application
from api.entry.import_partitions import PartitionJob
from domain.errors import StoreUnavailable
from domain.purchases import (
    Conventions,
    ImportManifest,
    ImportSummary,
    LoadPartitions,
    Outcome,
    PartitionPurchases,
    PurchaseSource,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkImport:
    """One import over several processes, as the command line asks for it.

    `of` says by option what is imported and how: another run goes on only with the same.
    `timezone` names the zone of the conventions.
    """

    spreading: Spreading
    conventions: Conventions
    timezone: str | None
    of: Mapping[str, str]

    def run(
        self, built: Application, source: PurchaseSource, refusals: Path
    ) -> tuple[Counter[Outcome], Path | None]:
        """How many rows had each outcome, and the file of the refused rows, None without any.

        Raises:
            StoreUnavailable: some partitions could not be finished; says how to go on.
        """
        target = {"table": built.tables.identity(), "currency": built.currency.code}
        with self.spreading.place() as place:
            try:
                manifest = self._partitioned(source, {**self.of, **target}, place)
                summary = self._loaded(built, manifest, place)
            except (StoreUnavailable, KeyboardInterrupt):
                say(f"stopped; {self._way_on}")
                raise
            refused = _written(summary, place, refusals)
        if summary.unfinished:
            self._say_unfinished(manifest, summary, refused)
        if summary.earlier:
            say(
                f"{summary.earlier:,} of {len(manifest.partitions):,} partitions were loaded "
                "already; their rows and their cost are counted"
            )
        return summary.counts, refused

    def _partitioned(
        self, source: PurchaseSource, of: Mapping[str, str], place: str
    ) -> ImportManifest:
        partition = PartitionPurchases(parts=composition.import_parts(place))
        with import_progress("partitioning", source.total) as on_progress:
            return partition(source, of=of, on_progress=on_progress)

    def _loaded(self, built: Application, manifest: ImportManifest, place: str) -> ImportSummary:
        job = PartitionJob.of(built.settings, self.conventions, timezone=self.timezone, parts=place)
        load = LoadPartitions(
            load=job, workers=self.spreading.workers, counted=built.progress.imported
        )
        with import_progress("importing", manifest.rows) as on_progress:
            return asyncio.run(load(manifest, on_progress=on_progress))

    def _say_unfinished(
        self, manifest: ImportManifest, summary: ImportSummary, refused: Path | None
    ) -> None:
        so_far = f"; those refused are in {refused}" if refused else ""
        rows = sum(partition.rows for partition in summary.unfinished)
        say(f"{summary.counts.total():,} rows are done{so_far}; {self._way_on}")
        raise StoreUnavailable(
            f"{len(summary.unfinished):,} of {len(manifest.partitions):,} partitions could not be "
            f"finished, with {rows:,} rows of which some may be recorded ({summary.trouble})"
        )

    @property
    def _way_on(self) -> str:
        if self.spreading.parts is None:
            return (
                "run the same import again: it starts over, and what was recorded is not doubled; "
                "with --parts it would go on"
            )
        return "run the same import again with the same --parts to go on"


def _written(summary: ImportSummary, place: str, refusals: Path) -> Path | None:
    with RefusedRows(refusals) as refused:
        for row in composition.import_results(place).refused(summary.refused):
            refused(row)
    return refused.path
