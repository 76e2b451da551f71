"""Where the objects of a campaign are.

Nothing but the state of a creation is overwritten. Of the manifests the highest number counts. Parts that no manifest names are no
part of the campaign.
"""

import hashlib
from typing import Protocol

from model_registry.ports import ObjectStore

# campaigns/<name>/creations/<number>/claim.json    who creates it; the highest number holds the name
# campaigns/<name>/creations/<number>/state.json    how far that creation is, or why it failed
# campaigns/<name>/parts/<instant>-<sha256>.parquet members, as they were written at that instant
# campaigns/<name>/manifests/<number>.json          the campaign
# campaigns/<name>/sent.json                        when it was sent
# campaigns/<name>/results/<instant>.json           what was measured then
# campaigns/<name>/deleted.json                     it was deleted; whatever lies beside it is to go
# campaign-erasures/<hash of an id>/<instant>-begun, <instant>-finished
CAMPAIGNS, ERASURES = "campaigns/", "campaign-erasures/"


class Place(ObjectStore, Protocol):
    """An object store that also changes and forgets.

    Promises: those of an ObjectStore; of a status the last content put is read, whole; what was
    removed is gone; removing what is not there is no error.
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


def folder_of(name: str) -> str:
    """The folder of a campaign."""
    return f"{CAMPAIGNS}{name}/"


def claim_key(name: str, number: int) -> str:
    """The key that says who creates a campaign."""
    return f"{folder_of(name)}creations/{number:06d}/claim.json"


def state_key(name: str, number: int) -> str:
    """The key that says how far that creation is."""
    return f"{folder_of(name)}creations/{number:06d}/state.json"


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


def deleted_key(name: str) -> str:
    """The key that says that a campaign was deleted, so that its name is never free again."""
    return f"{folder_of(name)}deleted.json"


def results_key(name: str, at: int) -> str:
    """The key of what was measured at an instant."""
    return f"{folder_of(name)}results/{at:017d}.json"


def written_at(key: str) -> int:
    """The instant in the key of a part, microseconds since the epoch, UTC."""
    return int(key.rpartition("/")[2].partition("-")[0])
