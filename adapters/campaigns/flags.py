"""Results of flags in the object store, the newest of which are read."""

import msgspec

from domain.campaigns import FlagResults
from domain.errors import CorruptRecord, NotFound
from model_registry.ports import ObjectStore

# flag-results/<flag>/<instant>.json  what was measured then
FLAG_RESULTS = "flag-results/"


class ObjectFlagRecords:
    """`FlagRecords` by put-if-absent."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def keep(self, found: FlagResults, /) -> None:
        """These results were measured; see the port."""
        key = f"{FLAG_RESULTS}{found.flag}/{found.results.measured_at:017d}.json"
        self._store.put_if_absent(key, msgspec.json.encode(found))

    def newest(self, flag: str, /) -> FlagResults:
        """What was last measured; see the port."""
        keys = self._store.keys(f"{FLAG_RESULTS}{flag}/")
        if not keys:
            raise NotFound(f"flag {flag} was never measured; run `propensity flags results {flag}`")
        try:
            return msgspec.json.decode(self._store.get(keys[-1]), type=FlagResults)
        except msgspec.DecodeError as exc:
            raise CorruptRecord(f"{keys[-1]} is not what was written there: {exc}") from exc
