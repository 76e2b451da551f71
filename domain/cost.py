"""What reads cost: DynamoDB's read units, measured where the store says, else computed."""

from collections.abc import Iterable
from dataclasses import dataclass

BYTES_PER_UNIT = 4_096
"""One unit is a strongly consistent read of so much, rounded up. Source: AWS, read capacity."""


@dataclass(frozen=True, slots=True)
class ReadUnits:
    """Read units of any number of calls: as the store reported, and as computed from sizes."""

    measured: float = 0.0
    computed: float = 0.0

    def __add__(self, other: "ReadUnits") -> "ReadUnits":
        return ReadUnits(self.measured + other.measured, self.computed + other.computed)

    @property
    def total(self) -> float:
        """All of them."""
        return self.measured + self.computed

    @classmethod
    def of_items(cls, sizes: Iterable[int]) -> "ReadUnits":
        """What strongly consistent reads of items of these sizes (bytes) cost, one by one.

        A missing item has size 0 and costs one unit as well. Source: AWS, BatchGetItem.
        """
        return cls(computed=float(sum(max(1, -(-size // BYTES_PER_UNIT)) for size in sizes)))
