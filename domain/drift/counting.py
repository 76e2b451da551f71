"""Counting: customers who were asked about on one day, each once, in bounded memory."""

import numpy as np
from numpy.typing import NDArray

from domain.drift.sample import tally_of

MOST_CUSTOMERS = 16_384
"""Of a day, a version and a process; of more, a sample by lot is kept.

A threshold hardly falls with more of them, and they take half a megabyte.
"""


class CountedDay:
    """The first answer about each customer of a day, as bins; of too many customers, a fair sample.

    Customers are told apart by numbers that are as good as drawn by lot, such as hashes. Those with
    the lowest ones stay. So the sample is fair over the whole day, whoever comes when.
    """

    def __init__(self, inputs: int, *, most: int = MOST_CUSTOMERS) -> None:
        self._most = most
        self._lots: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._codes: NDArray[np.uint8] = np.empty((0, inputs), dtype=np.uint8)

    def __len__(self) -> int:
        """How many customers are counted."""
        return len(self._lots)

    def add(self, lots: NDArray[np.uint64], codes: NDArray[np.uint8]) -> None:
        """Answers in order. Shape: lots (n,) uint64, one for each customer; codes (n, inputs)."""
        lots, first = np.unique(lots, return_index=True)
        place = np.searchsorted(self._lots, lots)
        new = np.ones(len(lots), dtype=np.bool_)
        known = place < len(self._lots)
        new[known] = self._lots[place[known]] != lots[known]
        if len(self) == self._most:
            new &= known  # the others come after the last one
        if not new.any():
            return
        self._lots = np.insert(self._lots, place[new], lots[new])[: self._most]
        self._codes = np.insert(self._codes, place[new], codes[first[new]], axis=0)[: self._most]

    @property
    def tally(self) -> NDArray[np.int64]:
        """How many customers fell into each bin. Shape: (inputs, 1 + bins) int64."""
        return tally_of(self._codes)
