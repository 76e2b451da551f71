"""Marks of erasures in an object store: what is kept beside the tables hides a customer by them.

A mark is <folder><hash>/<instant>-begun, or <instant>-finished. The hash is of the name that is kept
there for the customer. Nothing is overwritten.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_registry.ports import ObjectStore

BEGUN, FINISHED = "begun", "finished"
END = 1 << 62
"""After every instant."""
_MARK = re.compile(rf"([0-9a-f]{{32}})/(\d+)-({BEGUN}|{FINISHED})")


@dataclass(frozen=True, slots=True)
class Erased:
    """Who is hidden, by the hash of a name, and in what until which instant was made.

    An erasure that is not complete hides until END. `marks` are the keys of what says so.
    """

    until: Mapping[str, int]
    marks: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, store: ObjectStore, folder: str) -> "Erased":
        """As it is now.

        Raises:
            StoreUnavailable: not all could be listed.
        """
        begun: dict[str, int] = {}
        finished: dict[str, int] = {}
        marks: dict[str, list[str]] = {}
        for key in store.keys(folder):
            if found := _MARK.fullmatch(key.removeprefix(folder)):
                latest = begun if found[3] == BEGUN else finished
                latest[found[1]] = max(int(found[2]), latest.get(found[1], 0))
                marks.setdefault(found[1], []).append(key)
        until = {
            each: END if begun.get(each, 0) > finished.get(each, 0) else finished[each]
            for each in marks
        }
        return cls(until, marks)

    def hides(self, name: str, at: int) -> bool:
        """Whether this customer is hidden in what was made at an instant."""
        return at <= self.until.get(hash_of(name), -1)

    def hidden_in(self, at: int) -> frozenset[str]:
        """The hashes of all who are hidden in what was made at an instant."""
        return frozenset(each for each, until in self.until.items() if at <= until)


def hash_of(name: str) -> str:
    """What marks name a customer by."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def mark_key(folder: str, name: str, at: int, what: str) -> str:
    """The key of a mark."""
    return f"{folder}{hash_of(name)}/{at:017d}-{what}"
