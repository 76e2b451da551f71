"""Marks of erasures beside the log: put before anything is erased, and read by every reader."""

from adapters.decision_log.places import ERASURES
from adapters.decision_log.pseudonyms import Pseudonyms
from adapters.erasure_marks import BEGUN, FINISHED, mark_key
from model_registry.ports import ObjectStore


class MarkedDecisionEraser:
    """A `DecisionEraser` by one small object for each step and each key."""

    def __init__(self, store: ObjectStore, pseudonyms: Pseudonyms) -> None:
        self._store = store
        self._pseudonyms = pseudonyms

    def begin(self, customer_id: str, at: int, /) -> None:
        """An erasure begins; see the port."""
        self._mark(customer_id, at, BEGUN)

    def finish(self, customer_id: str, at: int, /) -> None:
        """The erasure is complete; see the port."""
        self._mark(customer_id, at, FINISHED)

    def _mark(self, customer_id: str, at: int, what: str) -> None:
        for pseudonym in self._pseudonyms.every(customer_id):
            self._store.put_if_absent(mark_key(ERASURES, pseudonym, at, what), b"{}")
