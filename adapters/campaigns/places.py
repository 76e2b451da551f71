"""Where the objects of a campaign are.

Nothing is overwritten. Of the manifests the highest number counts. Parts that no manifest names are no
part of the campaign.
"""

import hashlib
from typing import Protocol

from model_registry.ports import ObjectStore

# campaigns/<name>/begun/<instant>                  a creation began
# campaigns/<name>/parts/<instant>-<sha256>.parquet members, as they were written at that instant
# campaigns/<name>/manifests/<number>.json          the campaign
# campaigns/<name>/sent.json                        when it was sent
# campaigns/<name>/results/<instant>.json           what was measured then
# campaign-erasures/<hash of an id>/<instant>-begun, <instant>-finished
CAMPAIGNS, ERASURES = "campaigns/", "campaign-erasures/"


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
