"""Where the objects of a campaign are, and how erasures are marked.

Nothing is overwritten. Of the manifests the highest number counts. Parts that no manifest names are no
part of the campaign.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from model_registry.ports import ObjectStore

# campaigns/<name>/begun/<instant>                  a creation began
# campaigns/<name>/parts/<instant>-<sha256>.parquet members, as they were written at that instant
# campaigns/<name>/manifests/<number>.json          the campaign
# campaigns/<name>/sent.json                        when it was sent
# campaigns/<name>/results/<instant>.json           what was measured then
# campaign-erasures/<hash of an id>/<instant>-begun, <instant>-finished
CAMPAIGNS, ERASURES = "campaigns/", "campaign-erasures/"
BEGUN, FINISHED = "begun", "finished"
_MARK = re.compile(ERASURES + rf"([0-9a-f]{{32}})/(\d+)-({BEGUN}|{FINISHED})")


class Place(ObjectStore, Protocol):
    """An object store that also forgets.

    Promises: those of an ObjectStore; what was removed is gone; removing what is not there is no
    error.
    """

    def remove_status(self, key: str, /) -> None:
        """Nothing is stored under `key` from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


def folder_of(name: str) -> str:
    """The folder of a campaign."""
    return f"{CAMPAIGNS}{name}/"


def begun_key(name: str, at: int) -> str:
    """The key that says that a creation began."""
    return f"{folder_of(name)}begun/{at:017d}"


def part_key(name: str, part: str) -> str:
    """The key of a part."""
    return f"{folder_of(name)}parts/{part}"


def part_name(at: int, content: bytes) -> str:
    """The name of a part that is written for a creation, or a tidying, that began at an instant."""
    return f"{at:017d}-{hashlib.sha256(content).hexdigest()}.parquet"


def manifest_key(name: str, number: int) -> str:
    """The key of a manifest."""
    return f"{folder_of(name)}manifests/{number:06d}.json"


def sent_key(name: str) -> str:
    """The key that says when a campaign was sent."""
    return f"{folder_of(name)}sent.json"


def results_key(name: str, at: int) -> str:
    """The key of what was measured at an instant."""
    return f"{folder_of(name)}results/{at:017d}.json"


def written_at(key: str) -> int:
    """The instant in the key of a beginning or a part, microseconds since the epoch, UTC."""
    return int(key.rpartition("/")[2].partition("-")[0])


@dataclass(frozen=True, slots=True)
class Erased:
    """Customers who are hidden in campaigns whose creation began until an instant, by their hash.

    `marks` are the keys of what says so.
    """

    until: Mapping[str, float]
    marks: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, store: ObjectStore) -> "Erased":
        """As it is now.

        Raises:
            StoreUnavailable: not all could be listed.
        """
        begun: dict[str, int] = {}
        finished: dict[str, int] = {}
        marks: dict[str, list[str]] = {}
        for key in store.keys(ERASURES):
            if found := _MARK.fullmatch(key):
                latest = begun if found[3] == BEGUN else finished
                latest[found[1]] = max(int(found[2]), latest.get(found[1], 0))
                marks.setdefault(found[1], []).append(key)
        until = {
            each: float("inf") if begun.get(each, 0) > finished.get(each, 0) else finished[each]
            for each in marks
        }
        return cls(until, marks)

    def hidden_in(self, created_at: int) -> frozenset[str]:
        """The hashes of those who are hidden in a campaign whose creation began then."""
        return frozenset(each for each, until in self.until.items() if created_at <= until)


def hash_of(customer_id: str) -> str:
    """What marks name a customer by."""
    return hashlib.blake2b(customer_id.encode(), digest_size=16).hexdigest()


def mark_key(customer_id: str, at: int, what: str) -> str:
    """The key of a mark."""
    return f"{ERASURES}{hash_of(customer_id)}/{at:017d}-{what}"
