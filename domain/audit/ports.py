"""What the audit needs from outside."""

from collections.abc import Sequence
from typing import Protocol

from domain.audit.entry import Entry


class AuditLog(Protocol):
    """Keeps entries for good.

    Promises: an entry whose appending was answered is read from then on, as it was; none is ever
    changed or taken away. Of equal entries each is kept.
    """

    def append(self, entry: Entry, /) -> None:
        """The entry is kept.

        Raises:
            StoreUnavailable: it may or may not be.
        """
        ...

    def entries(self, *, since: int, until: int) -> Sequence[Entry]:
        """Every entry with since <= at < until, the oldest first. Microseconds, UTC.

        Raises:
            StoreUnavailable: they could not all be read.
            CorruptRecord: what is stored is no entry.
        """
        ...
