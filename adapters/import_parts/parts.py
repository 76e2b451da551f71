"""The rows of an import by partition, in an object store."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from adapters.import_parts.chunks import PREFIX, keep, kept
from adapters.import_parts.encoding import Chunk, encoded_row, rows_of
from domain.errors import CorruptRecord, NotFound
from domain.purchases import ImportManifest, Partition, RawRow
from model_registry.ports import ObjectStore

MANIFEST = PREFIX + "manifest.json"
MOST_BYTES = 256 * 2**20
"""Of encoded rows that wait in memory, in all partitions together."""
CHUNK_BYTES = 2**20
"""Of one partition: a chunk is read whole."""
_WRITES_AT_ONCE = 8


class ObjectImportParts:
    """`ImportParts` below one prefix of a place that no other import has."""

    def __init__(self, store: ObjectStore, *, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes

    def write(self, rows: Iterable[tuple[int, RawRow]], partitions: int, /) -> Sequence[Partition]:
        """The partitions, once all of these rows are kept; see the port."""
        with ThreadPoolExecutor(_WRITES_AT_ONCE, thread_name_prefix="chunks") as threads:
            writing = _Writing(self._store, threads, partitions)
            waiting = 0
            for number, row in rows:
                waiting += writing.add(number, row)
                if waiting > self._most_bytes:
                    writing.flush()
                    waiting = 0
            writing.flush()
            return writing.partitions()

    def read(self, partition: Partition, /) -> Iterator[RawRow]:
        """The rows of a partition in their order; see the port."""
        progress = 0
        for name in partition.chunks:
            for row in rows_of(kept(self._store, name), before=progress):
                progress = row.progress
                yield row

    def commit(self, manifest: ImportManifest, /) -> None:
        """These partitions are the import, unless another manifest was first."""
        self._store.put_if_absent(MANIFEST, msgspec.json.encode(manifest))

    def manifest(self) -> ImportManifest | None:
        """The partitions that are the import; see the port."""
        try:
            content = self._store.get(MANIFEST)
        except NotFound:
            return None
        try:
            return msgspec.json.decode(content, type=ImportManifest)
        except msgspec.DecodeError as exc:
            raise CorruptRecord(f"{MANIFEST} cannot be read: {exc}") from exc


class _Writing:
    """Partitions that grow, the newest rows of each in memory."""

    def __init__(self, store: ObjectStore, threads: ThreadPoolExecutor, partitions: int) -> None:
        self._store = store
        self._threads = threads
        self._growing = [Chunk() for _ in range(partitions)]
        self._rows = [0] * partitions
        self._names: list[list[str]] = [[] for _ in range(partitions)]

    def add(self, number: int, row: RawRow) -> int:
        """By how many bytes the row makes what waits larger or smaller."""
        chunk = self._growing[number]
        before = len(chunk.content)
        chunk.add(encoded_row(row))
        if len(chunk.content) < CHUNK_BYTES:
            return len(chunk.content) - before
        self._keep([number])
        return -before

    def flush(self) -> None:
        """Nothing waits in memory."""
        self._keep([number for number, chunk in enumerate(self._growing) if chunk.rows])

    def _keep(self, numbers: Sequence[int]) -> None:
        chunks = [self._growing[number] for number in numbers]
        names = self._threads.map(lambda chunk: keep(self._store, chunk.bytes()), chunks)
        for number, name in zip(numbers, names, strict=True):
            self._names[number].append(name)
            self._rows[number] += self._growing[number].rows
            self._growing[number] = Chunk()

    def partitions(self) -> Sequence[Partition]:
        """All of them, the empty ones too."""
        return [
            Partition(number=number, rows=rows, chunks=tuple(names))
            for number, (rows, names) in enumerate(zip(self._rows, self._names, strict=True))
        ]
