"""A fair sample of customers whose purchases come in any order, in memory for the sample alone."""

import heapq
from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.features import Histories
from domain.purchases import Refund

_COMPACT_FROM = 1_000_000
"""Rows of customers who left the sample, before their memory is taken back."""


class FairSample:
    """Keeps the purchases of the `most` customers who come first by `place`, whoever comes when.

    `place` is a customer's place in a draw: any numbers, each once. Memory: 32 bytes for each
    purchase of the sample, and for at most as many of customers who left it.
    """

    def __init__(self, most: int, place: Callable[[str], int]) -> None:
        if most < 1:
            raise ValueError(f"a sample has at least one customer, not {most}")
        self._most = most
        self._place = place
        self._slots: dict[str, int] = {}
        self._last: list[tuple[int, str]] = []  # a heap: who leaves next is its first
        self._slots_given = 0
        self._of_slot: dict[int, int] = {}
        self._gone = 0
        self._owner, self._at = array("q"), array("q")
        self._amount, self._category = array("q"), array("q")
        self._codes: dict[str, int] = {}
        self._refunds: list[tuple[int, int, int]] = []

    def __len__(self) -> int:
        """How many customers the sample has."""
        return len(self._slots)

    def may_hold(self, customer_id: str) -> bool:
        """Whether a purchase of this customer could still be kept."""
        if customer_id in self._slots or len(self._slots) < self._most:
            return True
        return self._place(customer_id) < -self._last[0][0]

    def take(
        self,
        customer_id: str,
        purchased_at: int,
        amount_minor: int,
        category: str,
        refunds: Sequence[Refund] = (),
    ) -> None:
        """One more purchase, which comes once; `purchased_at` in microseconds, UTC."""
        slot = self._slots.get(customer_id)
        if slot is None:
            slot = self._slot_of(customer_id)
            if slot is None:
                return
        self._refunds += [
            (len(self._at), refund.refunded_at, refund.amount_minor) for refund in refunds
        ]
        self._of_slot[slot] += 1
        self._owner.append(slot)
        self._at.append(purchased_at)
        self._amount.append(amount_minor)
        self._category.append(self._codes.setdefault(category, len(self._codes)))

    def histories(self) -> Histories:
        """The sample's purchases, customers in the order of their places."""
        self._compact()
        customers, names = sorted(self._slots, key=self._place), list(self._codes)
        rank = np.zeros(self._slots_given, dtype=np.int64)
        rank[[self._slots[customer] for customer in customers]] = np.arange(len(customers))
        owner, at = rank[_column(self._owner)], _column(self._at)
        category, amount = _column(self._category), _column(self._amount)
        codes, category = np.unique(category, return_inverse=True)
        order = np.lexsort((amount, category, at, owner))
        moved = np.empty(len(order), dtype=np.int64)
        moved[order] = np.arange(len(order))
        refunds = np.array(self._refunds, dtype=np.int64).reshape(-1, 3)
        counts = np.bincount(owner, minlength=len(customers))
        return Histories(
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            purchased_at=at[order],
            amount_minor=amount[order],
            category=category[order],
            categories=[names[int(code)] for code in codes],
            refund_of=moved[refunds[:, 0]],
            refunded_at=refunds[:, 1],
            refund_minor=refunds[:, 2],
            customer_ids=customers,
        )

    def _slot_of(self, customer_id: str) -> int | None:
        """A new customer's slot; None: too late in the draw."""
        place = self._place(customer_id)
        if len(self._slots) < self._most:
            heapq.heappush(self._last, (-place, customer_id))
        elif place >= -self._last[0][0]:
            return None
        else:
            _, leaving = heapq.heapreplace(self._last, (-place, customer_id))
            self._gone += self._of_slot.pop(self._slots.pop(leaving))
            if self._gone > max(_COMPACT_FROM, len(self._at) // 2):
                self._compact()
        slot = self._slots[customer_id] = self._slots_given
        self._slots_given += 1
        self._of_slot[slot] = 0
        return slot

    def _compact(self) -> None:
        """Forgets the purchases of customers who left."""
        if not self._gone:
            return
        here = np.isin(_column(self._owner), np.fromiter(self._of_slot, np.int64))
        moved = np.cumsum(here) - 1
        self._refunds = [(int(moved[row]), at, a) for row, at, a in self._refunds if here[row]]
        for name in ("_owner", "_at", "_amount", "_category"):
            column = array("q")
            column.frombytes(_column(getattr(self, name))[here].tobytes())
            setattr(self, name, column)
        self._gone = 0


def _column(values: "array[int]") -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64) if values else np.empty(0, dtype=np.int64)
