"""What became of the partitions of an import, in an object store."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import msgspec

from adapters.import_parts.chunks import PREFIX, keep, kept
from adapters.import_parts.encoding import Chunk, decoded_refusal, encoded_refusal, refusals_of
from domain.errors import CorruptRecord, NotFound
from domain.purchases import Loaded, RefusedRow
from model_registry.ports import ObjectStore


class ObjectImportResults:
    """`ImportResults` below one prefix of a place that no other import has."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def keep(self, refused: Sequence[RefusedRow], /) -> str:
        """The name of the chunk that holds these rows from now on."""
        chunk = Chunk()
        for row in refused:
            chunk.add(encoded_refusal(row))
        return keep(self._store, chunk.bytes())

    def refused(self, chunks: Iterable[str], /) -> Iterator[RefusedRow]:
        """The rows of all these chunks in the order of their numbers, sorted on disk."""
        # SQLite's own temporary file, gone when closed.
        with closing(sqlite3.connect("")) as rows:
            rows.execute("PRAGMA synchronous = OFF")
            rows.execute("CREATE TABLE refused (row INTEGER, place INTEGER PRIMARY KEY, it BLOB)")
            for name in chunks:
                rows.executemany(
                    "INSERT INTO refused (row, it) VALUES (?, ?)",
                    (
                        (refused.row.number, encoded_refusal(refused))
                        for refused in refusals_of(kept(self._store, name))
                    ),
                )
            for (content,) in rows.execute("SELECT it FROM refused ORDER BY row, place"):
                yield decoded_refusal(content)

    def finish(self, number: int, loaded: Loaded, /) -> Loaded:
        """The result that the partition has from now on; see the port."""
        mine = self._store.put_if_absent(_key(number), msgspec.json.encode(loaded))
        return loaded if mine else self.result(number) or loaded

    def result(self, number: int, /) -> Loaded | None:
        """What became of the partition; see the port."""
        try:
            content = self._store.get(_key(number))
        except NotFound:
            return None
        try:
            return replace(msgspec.json.decode(content, type=Loaded), earlier=True)
        except msgspec.DecodeError as exc:
            raise CorruptRecord(f"{_key(number)} cannot be read: {exc}") from exc


def _key(number: int) -> str:
    return f"{PREFIX}done/{number:06}.json"
