"""Loading: the partitions of an import taken in by several processes, each result once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.cost import count, metered
from domain.errors import PartlyRecorded, StoreUnavailable
from domain.pacing import Pacing
from domain.purchases.conventions import Conventions
from domain.purchases.importing import ImportProgress, ImportPurchases, RefusedRow
from domain.purchases.partitioning import (
    ImportManifest,
    ImportParts,
    ImportResults,
    Loaded,
    Partition,
)
from domain.purchases.ports import RawRow
from domain.purchases.recording import Outcome
from domain.spreading import Patience, Spread, Workers

MOST_FAILURES = 5
"""So often in a row nobody answers: then no further partition is begun."""
MOST_REFUSED = 0.05
"""Of the calls to the store; of more, fewer partitions run at once."""
_REFUSED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPartition:
    """Takes in a partition as an import does, all rows of a customer together.

    Running it again is safe. The first result stays; rows that a lost attempt recorded are
    duplicates in it.
    """

    import_purchases: ImportPurchases
    parts: ImportParts
    results: ImportResults
    conventions: Conventions

    async def __call__(self, partition: Partition, /) -> Loaded:
        """What became of the partition, now or earlier.

        Raises:
            StoreUnavailable: the store stopped answering; what was recorded stays so.
            CorruptRecord: what is stored, as a purchase or as a part, is none.
        """
        if (earlier := self.results.result(partition.number)) is not None:
            return earlier
        refused = _Refused(self.results)
        with metered() as cost:
            try:
                counts = await self.import_purchases(
                    _Rows(partition, self.parts),
                    conventions=self.conventions,
                    on_refused=refused,
                    on_progress=lambda _: None,
                )
            except PartlyRecorded as exc:
                raise _silence(exc) from exc
        loaded = Loaded(counts=counts, refused=refused.chunks(), cost=cost)
        return self.results.finish(partition.number, loaded)


@dataclass(slots=True)
class ImportSummary:
    """What became of an import's partitions so far.

    `unfinished` are those that nobody could finish, and `trouble` says why not.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    partitions: int = 0
    earlier: int = 0
    unfinished: list[Partition] = field(default_factory=list)
    trouble: str = ""

    def count(self, loaded: Loaded) -> None:
        """One partition more is done."""
        self.counts.update(loaded.counts)
        self.refused += loaded.refused
        self.partitions += 1
        self.earlier += loaded.earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPartitions:
    """Loads all partitions over workers. `load` runs on them, so it can be pickled.

    One pace holds for all: when the store refuses too much, fewer partitions are loaded at once.
    `counted` is told how many more rows have which outcomes; it never raises.
    """

    load: Callable[[Partition], Loaded]
    workers: Workers
    counted: Callable[[Mapping[Outcome, int]], object] = lambda _: None
    pacing: Pacing = field(default_factory=Pacing)

    async def __call__(
        self, manifest: ImportManifest, /, *, on_progress: Callable[[ImportProgress], None]
    ) -> ImportSummary:
        """What became of every partition that could be finished, and which could not.

        Raises:
            StoreUnavailable: nobody is there to load, or a refusal that retrying cannot mend.
            CorruptRecord: what is stored, as a purchase or as a part, is none.
        """
        summary = ImportSummary()
        with Spread(
            self.load,
            manifest.partitions,
            workers=self.workers,
            pacing=self.pacing,
            patience=Patience(failures=MOST_FAILURES),
        ) as spread:
            async for _, loaded in spread.answers():
                summary.count(loaded)
                self.counted(loaded.counts)
                count(loaded.cost)
                spread.pace(refused=_is_refused(loaded))
                rows = summary.counts.total()
                on_progress(ImportProgress(rows=rows, progress=rows))
            summary.unfinished, summary.trouble = spread.given_up, spread.trouble
        return summary


@dataclass(frozen=True, slots=True)
class _Rows:
    """A partition as a PurchaseSource."""

    partition: Partition
    parts: ImportParts

    @property
    def total(self) -> int:
        return self.partition.rows

    def rows(self) -> Iterator[RawRow]:
        return self.parts.read(self.partition)


class _Refused:
    """Keeps refused rows, not too many of them in memory."""

    def __init__(self, results: ImportResults) -> None:
        self._results = results
        self._waiting: list[RefusedRow] = []
        self._chunks: list[str] = []

    def __call__(self, refused: RefusedRow) -> None:
        self._waiting.append(refused)
        if len(self._waiting) >= _REFUSED_AT_ONCE:
            self._keep()

    def chunks(self) -> tuple[str, ...]:
        if self._waiting:
            self._keep()
        return tuple(self._chunks)

    def _keep(self) -> None:
        self._chunks.append(self._results.keep(self._waiting))
        self._waiting = []


def _silence(exc: PartlyRecorded) -> StoreUnavailable:
    """What the store said, without the outcomes of all rows; it goes from process to process."""
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, StoreUnavailable):
        cause = cause.__cause__
    return StoreUnavailable(exc.reason, transient=cause is None or cause.transient)


def _is_refused(loaded: Loaded) -> bool:
    return not loaded.earlier and loaded.cost.refusals > MOST_REFUSED * loaded.cost.round_trips
