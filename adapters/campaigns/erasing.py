"""Marks of erasures beside the campaigns: put before anything is erased, and read by every reader."""

from adapters.campaigns.places import CAMPAIGNS, ERASURES
from adapters.erasure_marks import BEGUN, FINISHED, mark_key
from model_registry.ports import ObjectStore


class MarkedCampaignEraser:
    """A `CampaignEraser` by one small object for each step."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def begin(self, customer_id: str, at: int, /) -> bool:
        """Whether there are campaigns; see the port."""
        return self._mark(customer_id, at, BEGUN)

    def finish(self, customer_id: str, at: int, /) -> None:
        """The erasure is complete; see the port."""
        self._mark(customer_id, at, FINISHED)

    def _mark(self, customer_id: str, at: int, what: str) -> bool:
        if not self._store.keys(CAMPAIGNS):  # a creation says so before it reads anybody
            return False
        self._store.put_if_absent(mark_key(ERASURES, customer_id, at, what), b"{}")
        return True
