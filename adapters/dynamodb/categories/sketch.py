"""Approximate numbers of distinct customers, from the smallest hashes of them.

The k-th smallest of n uniform hashes in (0, 1] lies near k / n. So (k - 1) over it estimates n,
with a standard error of 1 / sqrt(k - 2). Order and duplicates do not matter.
Source: Bar-Yossef et al., "Counting distinct elements in a data stream" (2002).
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass

KEPT = 256
"""The k of the sketch: a standard error of 6 %, and at most 2 * KEPT hashes are stored."""
_HASHES = 1 << 64


def hash_of(customer_id: str) -> int:
    """A uniform 64-bit number that has nothing to do with the customer's shard."""
    digest = hashlib.blake2b(customer_id.encode(), key=b"sketch", digest_size=8).digest()
    return int.from_bytes(digest)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The KEPT smallest distinct hashes seen, ascending."""

    smallest: "array[int]"

    @classmethod
    def of(cls, hashes: Iterable[int]) -> "Sketch":
        """The sketch of these hashes; of two sketches' hashes, the sketch of both."""
        return cls(array("Q", sorted(set(hashes))[:KEPT]))

    def lacks(self, number: int) -> bool:
        """Whether this hash would change the sketch."""
        position = bisect_left(self.smallest, number)
        return position < KEPT and self.smallest[position : position + 1] != array("Q", [number])

    @property
    def customers(self) -> int:
        """About how many customers were seen; exact below KEPT."""
        if len(self.smallest) < KEPT:
            return len(self.smallest)
        return round((KEPT - 1) * _HASHES / (self.smallest[-1] + 1))


def surplus(stored: Collection[int]) -> list[int]:
    """Which hashes to delete from a stored set: none until it has twice as many as it needs.

    Deleting them is safe whatever other writers do meanwhile. A hash is deleted, or never added,
    only by a writer who saw KEPT smaller ones stored; then it is not among the KEPT smallest ever
    added, now or later. So nobody ever deletes one of those, and the stored set holds them all.
    """
    return sorted(stored)[KEPT:] if len(stored) > 2 * KEPT else []
