"""What calls to the store cost: round trips, and DynamoDB's read and write units.

A caller meters a block. Each call to the store counts into the meters around it.
"""

from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from threading import Lock

INDEX_ENTRY_BYTES = 120
BYTES_PER_UNIT = 4_096
"""One unit is a strongly consistent read of so much, rounded up. Source: AWS, read capacity."""
BYTES_PER_WRITE_UNIT = 1_024
"""One unit is a write of an item of so much, rounded up, and a write of each entry of an index."""
TRANSACTION_WRITES = 2
"""A transaction prepares each item and commits it; indexes follow outside of it."""


@dataclass(frozen=True, slots=True)
class Units:
    """Units of any number of calls: as the store reported, and as computed from sizes."""

    measured: float = 0.0
    computed: float = 0.0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.measured + other.measured, self.computed + other.computed)

    @property
    def total(self) -> float:
        """All of them."""
        return self.measured + self.computed


NO_UNITS = Units()


@dataclass(slots=True, kw_only=True)
class Cost:
    """What the calls so far came to; it grows while the meter runs.

    A call counts as a round trip once it is made, whether it is answered or not; its units count
    once it is answered. `refusals` are those that the store did not serve, though it may the next
    time: throttled, or not answered.
    """

    round_trips: int = 0
    refusals: int = 0
    reads: Units = NO_UNITS
    writes: Units = NO_UNITS

    def add(self, other: "Cost") -> None:
        """What another meter measured counts here too."""
        self.round_trips += other.round_trips
        self.refusals += other.refusals
        self.consume(other.reads, other.writes)

    def consume(self, reads: Units, writes: Units) -> None:
        """So much was consumed; with most calls only reads, or only writes."""
        if reads is not NO_UNITS:
            self.reads += reads
        if writes is not NO_UNITS:
            self.writes += writes


_METERS: ContextVar[tuple[Cost, ...]] = ContextVar("meters", default=())
_LOCK = Lock()  # calls are counted in threads


class metered:  # noqa: N801  # a block, named as one
    """The cost of every call made within the block, by its tasks and threads too.

    Meters nest: a call counts in all of them. Not for generators, which would leave the meter on
    in the context of their consumer: see `metered_context`.
    """

    __slots__ = ("_cost", "_token")

    def __enter__(self) -> Cost:
        """What grows while the block runs."""
        self._cost = Cost()
        self._token = _METERS.set((*_METERS.get(), self._cost))
        return self._cost

    def __exit__(self, *_: object) -> None:
        """Counts no more."""
        _METERS.reset(self._token)


def metered_context(*, apart: bool = False) -> tuple[Context, Cost]:
    """A copy of the present context, and the cost of every call that will be made in it.

    Set `apart`, those calls count in no other meter.
    """
    cost, context = Cost(), copy_context()
    context.run(_METERS.set, (cost,) if apart else (*_METERS.get(), cost))
    return context, cost


def count_round_trip() -> None:
    """One more call is made; every meter that runs here counts it."""
    with _LOCK:
        for cost in _METERS.get():
            cost.round_trips += 1


def count_refusal() -> None:
    """The store did not serve a call; every meter that runs here counts it."""
    with _LOCK:
        for cost in _METERS.get():
            cost.refusals += 1


def count_units(*, reads: Units = NO_UNITS, writes: Units = NO_UNITS) -> None:
    """So much was consumed; every meter that runs here counts it."""
    with _LOCK:
        for cost in _METERS.get():
            cost.consume(reads, writes)


def count(more: Cost) -> None:
    """So much was spent, here or in another process; every meter that runs here counts it."""
    with _LOCK:
        for cost in _METERS.get():
            cost.add(more)
