"""Seen ids, in a temporary database on disk: an id may come again anywhere in a file of any size."""

import sqlite3
from dataclasses import dataclass, field

_COUNT = "INSERT INTO seen VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n, row"


@dataclass(slots=True)
class TemporarySeenIds:
    """SeenIds on SQLite, in bounded memory."""

    _database: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self._database = sqlite3.connect("")  # SQLite's own temporary file, gone when closed
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE seen (who TEXT, id TEXT, n INTEGER, row INTEGER, PRIMARY KEY (who, id))"
            " WITHOUT ROWID"
        )

    def count(self, who: str, purchase_id: str, row: int, /) -> tuple[int, int]:
        """How often it came, this time included, and in which row first; see the port."""
        who, purchase_id = (t.encode("utf-8", "surrogatepass").hex() for t in (who, purchase_id))
        number, first = self._database.execute(_COUNT, (who, purchase_id, row)).fetchone()
        return number, first

    def close(self) -> None:
        """Forgets everything."""
        self._database.close()
