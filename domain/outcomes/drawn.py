"""Drawn: the decisions of customers drawn by lot, as many as memory allows."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOTS = 2**64
_COLUMNS = ("_owner", "_as_of", "_kind", "_category", "_probability")


@dataclass(frozen=True, slots=True, eq=False)
class Mine:
    """One customer's decisions. Shape: (n,) each; `kind` and `category` are the caller's numbers."""

    customer_id: str
    as_of: NDArray[np.int64]
    kind: NDArray[np.int64]
    category: NDArray[np.int64]
    probability: NDArray[np.float64]


class Drawn:
    """Keeps whole customers: with all their decisions, or not at all.

    Once there are more than `most` decisions, half of the customers leave, by a lot of their id.
    So the share is known, whoever comes when. Memory: 40 bytes a decision, and the ids.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._below = _LOTS
        self._slots: dict[str, int] = {}
        self._owner, self._as_of = array("q"), array("q")
        self._kind, self._category = array("q"), array("q")
        self._probability = array("d")
        self.left_out = Counter[int]()
        """How many decisions of each kind were not kept."""

    def __len__(self) -> int:
        """How many decisions are kept."""
        return len(self._owner)

    @property
    def customers(self) -> int:
        """How many customers are kept."""
        return len(self._slots)

    @property
    def share(self) -> float:
        """The share of all customers that is kept."""
        return self._below / _LOTS

    def take(
        self, customer_id: str, *, as_of: int, kind: int, category: int, probability: float
    ) -> None:
        """One more decision."""
        if customer_id not in self._slots:
            if _lot(customer_id) >= self._below:
                self.left_out[kind] += 1
                return
            self._slots[customer_id] = len(self._slots)
        self._owner.append(self._slots[customer_id])
        self._as_of.append(as_of)
        self._kind.append(kind)
        self._category.append(category)
        self._probability.append(probability)
        while len(self._owner) > self._most:
            self._halve()

    def by_customer(self) -> Iterator[Mine]:
        """Each customer's decisions together, in no particular order."""
        owner = _integers(self._owner)
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(self._slots) + 1))
        as_of, kind, category = map(_integers, (self._as_of, self._kind, self._category))
        probability = np.frombuffer(self._probability) if self._probability else np.empty(0)
        for customer_id, start, end in zip(self._slots, bounds[:-1], bounds[1:], strict=True):
            rows = order[start:end]
            if len(rows):
                yield Mine(customer_id, as_of[rows], kind[rows], category[rows], probability[rows])

    def _halve(self) -> None:
        self._below //= 2
        staying = [name for name in self._slots if _lot(name) < self._below]
        moved = np.full(len(self._slots), -1, dtype=np.int64)
        moved[[self._slots[name] for name in staying]] = np.arange(len(staying))
        owner = moved[_integers(self._owner)]
        here = owner >= 0
        self.left_out.update(_integers(self._kind)[~here].tolist())
        for name in _COLUMNS:
            before: array[int] | array[float] = getattr(self, name)
            values = owner if name == "_owner" else np.frombuffer(before, dtype=before.typecode)
            after: array[int] | array[float] = array(before.typecode)
            after.frombytes(values[here].tobytes())
            setattr(self, name, after)
        self._slots = {name: number for number, name in enumerate(staying)}


def _lot(customer_id: str) -> int:
    digest = hashlib.blake2b(customer_id.encode(), key=b"outcomes", digest_size=8).digest()
    return int.from_bytes(digest)


def _integers(values: "array[int]") -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64) if values else np.empty(0, dtype=np.int64)
