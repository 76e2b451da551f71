"""Any interleaving of messages, crashes and days, in memory: many of them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from adapters.memory import ManualClock, MemoryPurchases
from domain.errors import StoreUnavailable
from domain.purchases import Cancelling, Purchase, Recording
from tests.builders import NOW
from tests.contracts.conftest import Store, memory_store
from tests.ingestion_machine import RETENTION, IngestionMachine

T = TypeVar("T")


class Crashing(MemoryPurchases):
    """The write of number `at` is the last one answered before; it has an effect or none."""

    at: int | None = None
    happens = False

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        answered = super().record
        return await self._called(lambda: answered(purchases))

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        answered = super().cancel
        return await self._called(lambda: answered(customer_id, purchase_id))

    async def _called(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.at is None:
            return await call()
        self.at -= 1
        if self.at == -1 and self.happens:
            await call()
        if self.at < 0:
            raise StoreUnavailable("crashed")
        return await call()


def a_store(purchases: Crashing, clock: ManualClock) -> Store:
    return replace(
        memory_store(),
        recorder=purchases,
        canceller=purchases,
        rebuilder=purchases,
        history=purchases,
        recent=purchases,
        clock=clock,
    )


class MemoryMachine(IngestionMachine):
    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.purchases = Crashing(clock=clock, retention=RETENTION)
        super().__init__(a_store(self.purchases, clock))

    @contextmanager
    def crashing(self, crash: tuple[int, bool] | None) -> Iterator[None]:
        if crash is not None:
            self.purchases.at, self.purchases.happens = crash
        yield
        self.purchases.at = None


def test_whatever_happens_in_whatever_order_the_truth_and_the_features_are_right() -> None:
    run_state_machine_as_test(
        MemoryMachine,
        settings=settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True),
    )
