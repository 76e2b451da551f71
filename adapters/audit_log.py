"""The audit log in the object store: one immutable object an entry."""

import json
import secrets
from collections.abc import Iterator, Sequence

from msgspec import ValidationError, convert

from domain.audit import Entry, Outcome
from domain.errors import CorruptRecord, StoreUnavailable
from domain.values import MICROS_PER_DAY, render
from model_registry.ports import ObjectStore

PREFIX = "audit/"


class ObjectAuditLog:
    """AuditLog by put-if-absent: `audit/DAY/INSTANT-RANDOM.json`, a folder for each UTC day."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def append(self, entry: Entry, /) -> None:
        """The entry is kept; see the port."""
        later = int(entry.outcome is Outcome.FAILED)  # than its beginning, at the same instant
        key = f"{_folder(entry.at)}{entry.at:017d}-{later}-{secrets.token_hex(8)}.json"
        content = {
            "at": entry.at,
            "actor": entry.actor,
            "act": entry.act,
            "target": entry.target,
            "name": entry.name,
            "request_id": entry.request_id,
            "outcome": entry.outcome,
        }
        if not self._store.put_if_absent(key, json.dumps(content, sort_keys=True).encode()):
            raise StoreUnavailable("an entry of the audit log is there already; try again")

    def entries(self, *, since: int, until: int) -> Sequence[Entry]:
        """The entries of these instants; see the port."""
        found = [self._read(key) for key in self._keys(since, until)]
        return [entry for entry in found if since <= entry.at < until]

    def _keys(self, since: int, until: int) -> Iterator[str]:
        for day in range(since // MICROS_PER_DAY, (until - 1) // MICROS_PER_DAY + 1):
            yield from self._store.keys(_folder(day * MICROS_PER_DAY))

    def _read(self, key: str) -> Entry:
        try:
            return convert(json.loads(self._store.get(key)), Entry)
        except (ValueError, ValidationError) as exc:
            raise CorruptRecord(f"{key} is no entry of the audit log: {exc}") from exc


def _folder(at: int) -> str:
    return f"{PREFIX}{render(at).partition('T')[0]}/"
