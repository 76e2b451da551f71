"""Partitioning: the rows of a source by customer, so that each partition can be imported alone.

All rows of a customer are in one partition, in their order. A partition may be loaded again by
another process: what it needs is in an object store, and so is what came of it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol
from unicodedata import normalize

from domain.cost import Cost
from domain.errors import Rejected
from domain.purchases.importing import ImportProgress, RefusedRow
from domain.purchases.ports import PurchaseSource, RawRow
from domain.purchases.recording import Outcome

ROWS_EACH = 100_000
"""Of a partition of a large file: some hundreds of megabytes for the process that loads it."""
LEAST_ROWS_EACH = 1_000
"""Of a small file: fewer are not worth a call."""
FEW_PARTITIONS = 64
"""So many a file of some size has at least: they keep many workers busy to the end."""
MOST_PARTITIONS = 10_000
SAMPLED_ROWS = 10_000
"""So many rows tell how many there will be."""
_ROWS_A_TELL = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Some customers' rows: how many, and the chunks that hold them in their order."""

    number: int
    rows: int
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportManifest:
    """The partitions that are an import; `of` says by name what is imported, how, and where to."""

    of: Mapping[str, str]
    partitions: Sequence[Partition]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(partition.rows for partition in self.partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a partition: its rows by outcome, and the chunks of those refused.

    `earlier`: it was loaded before it was asked for now.
    """

    counts: Mapping[Outcome, int]
    refused: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    earlier: bool = False


class ImportParts(Protocol):
    """Where the rows of one import are kept by partition.

    Promises: rows are read as they were written, to the last digit, whatever stands in them; a
    chunk is there whole or not at all; memory is bounded whatever the number of rows. The first
    manifest stays.
    """

    def write(self, rows: Iterable[tuple[int, RawRow]], partitions: int, /) -> Sequence[Partition]:
        """The partitions by their numbers from 0 on, once all of these rows are kept.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def read(self, partition: Partition, /) -> Iterator[RawRow]:
        """The rows of a partition in their order; `progress` counts them.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is not what was written.
        """
        ...

    def commit(self, manifest: ImportManifest, /) -> None:
        """These partitions are the import, unless another manifest was first.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def manifest(self) -> ImportManifest | None:
        """The partitions that are the import; None: they are not all written yet.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is no manifest.
        """
        ...


class ImportResults(Protocol):
    """Where it is kept what became of each partition of one import.

    Promises: the first result of a partition stays; refused rows are read as they were kept, in
    the order of their numbers, in bounded memory.
    """

    def keep(self, refused: Sequence[RefusedRow], /) -> str:
        """The name of the chunk that holds these rows from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def refused(self, chunks: Iterable[str], /) -> Iterator[RefusedRow]:
        """The rows of all these chunks.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is not what was kept.
        """
        ...

    def finish(self, number: int, loaded: Loaded, /) -> Loaded:
        """The result that the partition has from now on: this one, or another that was first.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what was first is no result.
        """
        ...

    def result(self, number: int, /) -> Loaded | None:
        """What became of the partition, `earlier` than now; None: it is not done.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is no result.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPurchases:
    """Writes the rows of a source by partition, once; a second time it finds them."""

    parts: ImportParts

    def __call__(
        self,
        source: PurchaseSource,
        /,
        *,
        of: Mapping[str, str],
        on_progress: Callable[[ImportProgress], None],
    ) -> ImportManifest:
        """The partitions of the import that `of` describes.

        Raises:
            Rejected: the source cannot be read, or the place holds another import.
            StoreUnavailable: the object store did not answer.
            CorruptRecord: what is stored is no manifest.
        """
        manifest = self.parts.manifest()
        if manifest is None:
            rows = iter(source.rows())
            first = list(islice(rows, SAMPLED_ROWS))
            partitions = partitions_for(_expected_rows(first, source.total))
            placed = _placed(chain(first, rows), partitions, on_progress)
            manifest = ImportManifest(of=of, partitions=self.parts.write(placed, partitions))
            self.parts.commit(manifest)
            manifest = self.parts.manifest() or manifest  # another process may have been first
        _check_same(manifest.of, of)
        return manifest


def partitions_for(rows: int) -> int:
    """How many partitions so many rows are given."""
    each = min(ROWS_EACH, max(LEAST_ROWS_EACH, rows // FEW_PARTITIONS))
    return min(MOST_PARTITIONS, max(1, -(-rows // each)))


def partition_of(row: RawRow, partitions: int) -> int:
    """The partition of a row: that of its customer, or any where nobody can tell who that is."""
    customer = None if row.raw is None else row.raw.get("customer_id")
    if not isinstance(customer, str):
        return row.number % partitions
    text = normalize("NFC", customer).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) % partitions


def _expected_rows(first: Sequence[RawRow], total: int) -> int:
    if len(first) < SAMPLED_ROWS:
        return len(first)
    return len(first) * total // max(1, first[-1].progress)


def _placed(
    rows: Iterable[RawRow], partitions: int, on_progress: Callable[[ImportProgress], None]
) -> Iterator[tuple[int, RawRow]]:
    counted = progress = 0
    for row in rows:
        yield partition_of(row, partitions), row
        counted, progress = counted + 1, row.progress
        if counted % _ROWS_A_TELL == 0:
            on_progress(ImportProgress(rows=counted, progress=progress))
    on_progress(ImportProgress(rows=counted, progress=progress))


def _check_same(there: Mapping[str, str], asked: Mapping[str, str]) -> None:
    names = dict.fromkeys((*there, *asked))
    if different := [name for name in names if there.get(name) != asked.get(name)]:
        raise Rejected(
            "--parts",
            f"holds an import with another {', another '.join(different)}; name another place, or "
            "import as it was begun",
        )
