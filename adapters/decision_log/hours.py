"""The files of one hour, and which of them count."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.decision_log.columns import LogFile
from adapters.decision_log.places import folder_of, merged_number
from model_registry.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class HourFiles:
    """Keys as they were listed at once: the highest merged file, what it replaces, and the others."""

    merged: LogFile | None
    replaced: Sequence[str]
    others: Sequence[str]

    @classmethod
    def read(cls, store: ObjectStore, hour: int) -> "HourFiles":
        """As they are now.

        Raises:
            UnknownObject: the merged file was replaced just now; look again.
            StoreUnavailable: the store did not answer.
            CorruptRecord: the merged file is none.
        """
        folder = folder_of(hour)
        keys = store.keys(folder)
        merged_keys = [key for key in keys if merged_number(key)]
        if not merged_keys or len(keys) == 1:  # alone it replaces nothing
            return cls(merged=None, replaced=[], others=keys)
        highest = max(merged_keys, key=merged_number)
        file = LogFile(highest, store.get(highest))
        gone = {folder + name for name, _ in file.sources} | set(merged_keys) - {highest}
        return cls(
            merged=file,
            replaced=[key for key in keys if key in gone],
            others=[key for key in keys if key not in gone and key != highest],
        )


def name_of(key: str) -> str:
    """The file's name within its hour."""
    return key.rpartition("/")[2]
