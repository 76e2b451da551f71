"""What keys need from outside."""

from collections.abc import Sequence
from typing import Protocol

from domain.keys.key import Key


class KeyStore(Protocol):
    """Keeps every key there ever was, revoked ones too, without secrets.

    Promises: a change that was answered is in every later reading. Of several changes of one state
    of a key exactly one wins. Being used changes nothing but the day of the last use, which never
    goes back.
    """

    async def every(self) -> Sequence[Key]:
        """Every key, by its id.

        Raises:
            StoreUnavailable: they could not all be read.
            CorruptRecord: what is stored is no key.
        """
        ...

    async def save(self, key: Key, /) -> None:
        """The key is stored, if the one stored before has one write less; `writes` 1 is a new key.

        Raises:
            KeyChanged: somebody else changed it, or its id is taken.
            StoreUnavailable: the store did not answer; the key may or may not be stored.
        """
        ...

    async def mark_used(self, key_id: str, day: int, /) -> None:
        """The key was used on that day since the epoch; an unknown key is no error.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...
