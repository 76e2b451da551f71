"""Ranking: the highest of any number of probabilities, in 16 bytes a customer."""

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.audience import Member
from domain.campaigns.eligibility import number_of

TENTHS = 10


class Ranking:
    """Probabilities in the order they came; ties go by a number of the id, whatever the order."""

    def __init__(self) -> None:
        self._probabilities = array("d")
        self._ties = array("Q")

    def __len__(self) -> int:
        return len(self._probabilities)

    def add(self, members: Sequence[Member]) -> None:
        """These come next; all of them were read."""
        self._probabilities.extend(member.probability or 0.0 for member in members)
        self._ties.extend(number_of(member.customer_id) for member in members)

    def highest(self, most: int) -> NDArray[np.bool_]:
        """Which of them are among so many with the highest probabilities. Shape: (n,) bool."""
        chosen = np.zeros(len(self), dtype=np.bool_)
        if most >= len(self):
            chosen[:] = True
        else:
            order = np.lexsort((np.array(self._ties), -self._all))
            chosen[order[:most]] = True
        return chosen

    def mean(self, chosen: NDArray[np.bool_]) -> float:
        """The mean probability of those."""
        return float(self._all[chosen].mean())

    def cuts(self, chosen: NDArray[np.bool_]) -> list[float]:
        """The probabilities that part those in ten groups, ascending."""
        shares = [part / TENTHS for part in range(1, TENTHS)]
        return [float(cut) for cut in np.quantile(self._all[chosen], shares, method="higher")]

    @property
    def _all(self) -> NDArray[np.float64]:
        return np.array(self._probabilities)


def tenth_of(probability: float, cuts: Sequence[float]) -> int:
    """The group of a probability, from 0 for the highest to 9."""
    return TENTHS - 1 - sum(cut <= probability for cut in cuts)
