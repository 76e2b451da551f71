"""What the registry needs from outside. Each promise is a test in tests/contracts/."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.ports import Scorer


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


class ScorerFactory(Protocol):
    """Builds a scorer from what a version holds; found by entry point under the version's kind.

    Promises: everything that is wrong is said here, not at the first score; no code is run that
    the version brings along.
    """

    def __call__(self, options: Mapping[str, object], blobs: Mapping[str, bytes], /) -> Scorer:
        """A scorer ready to score from any thread.

        Raises:
            ValueError: the options or blobs are not what this kind of scorer needs; says what.
        """
        ...
