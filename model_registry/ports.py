"""What the registry needs from outside. Each promise is a test in tests/contracts/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from domain.prediction import Scorer


class ObjectStore(Protocol):
    """Named immutable objects with one atomic primitive: put if absent.

    Promises: of any number of writers of one key exactly one wins, and readers see its bytes
    whole or not at all; nothing is ever overwritten.
    """

    def get(self, key: str, /) -> bytes:
        """The bytes stored under `key`.

        Raises:
            UnknownObject: there are none.
            StoreUnavailable: the store did not answer.
        """
        ...

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """Whether this call stored `content`; False when the key was taken already.

        Raises:
            StoreUnavailable: the store did not answer; the object may or may not be stored.
        """
        ...

    def keys(self, prefix: str, /) -> Sequence[str]:
        """Every key that starts with `prefix` (which ends with a slash), ascending.

        Raises:
            StoreUnavailable: the listing is not complete.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is stored as a status, and when by the store's clock: microseconds, UTC."""

    key: str
    content: bytes
    written_at: int


class StatusStore(Protocol):
    """Small objects that change, such as what a process does now; each has one writer.

    Promises: a reader sees the last content put, whole; what was removed is gone; removing what
    is not there is no error.
    """

    def put_status(self, key: str, content: bytes, /) -> None:
        """`content` is what is stored under `key` from now on.

        Raises:
            StoreUnavailable: the store did not answer; the content may or may not be there.
        """
        ...

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def statuses(self, prefix: str, /) -> Sequence[Status]:
        """Every status whose key starts with `prefix` (which ends with a slash), by ascending key.

        Raises:
            StoreUnavailable: they could not all be read.
        """
        ...


class ScorerFactory(Protocol):
    """Builds a scorer from what a version holds; found by entry point under the version's kind.

    Promises: everything that is wrong is said here, not at the first score; no code is run that
    the version brings along.
    """

    def __call__(self, options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> "Scorer":
        """A scorer ready to score from any thread.

        Raises:
            ValueError: the options or blobs are not what this kind of scorer needs; says what.
            GateFailed: what the version holds fails a gate of this kind's own; says which.
        """
        ...
