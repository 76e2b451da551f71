"""Whatever a port is asked, every request it makes is counted, and every unit."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from domain.cost import metered
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import Store
from tests.integration.faults import injected

pytestmark = pytest.mark.anyio

Call = Callable[[Store], Awaitable[object]]


@contextmanager
def requests(store: Store) -> Iterator[list[str]]:
    """The requests that leave this process, by operation."""
    if store.double is not None:
        sent: list[str] = []
        before = len(store.double.calls)
        yield sent
        sent += [call.method for call in store.double.calls[before:]]
        return
    assert store.client is not None
    with injected(store.client, "") as sent:
        yield sent


async def record(store: Store) -> None:
    purchases = [a_purchase(purchase_id=f"new-{n}", purchased_at=NOW - n) for n in range(3)]
    await store.recorder.record(purchases)


async def record_again(store: Store) -> None:
    await store.recorder.record([a_purchase(purchased_at=NOW)])


async def scan(store: Store) -> None:
    for segment in range(3):
        async for _ in store.recent.scan(segment=segment, segments=3):
            pass


READS: dict[str, Call] = {
    "history": lambda store: store.history.between("customer-1", after=0, until=NOW),
    "recent": lambda store: store.recent.read(["customer-1", "nobody"]),
    "one": lambda store: store.recent.one("customer-1"),
    "scan": scan,
    "categories": lambda store: store.index.categories(),
    "page": lambda store: store.index.page("jewellery", shard=0, after=None, most=None),
    "health": lambda store: store.health.check(),
    "records": lambda store: store.records.of("customer-1"),
}
WRITES: dict[str, Call] = {"record": record, "record a duplicate": record_again}
BOTH: dict[str, Call] = {
    "cancel": lambda store: store.canceller.cancel("customer-1", "purchase-1"),
    "erase": lambda store: store.eraser.erase("customer-1", suppressed_until=NOW + 1),
}
FREE: dict[str, Call] = {"size": lambda store: store.recent.size()}


@pytest.mark.parametrize("name", [*READS, *WRITES, *BOTH, *FREE])
async def test_every_call_is_counted_with_what_it_consumes(store: Store, name: str) -> None:
    await record_again(store)
    with requests(store) as sent, metered() as cost:
        await (READS | WRITES | BOTH | FREE)[name](store)
    assert cost.round_trips == len(sent)
    assert sent
    assert (cost.reads.total > 0) == (name in READS | BOTH)
    assert (cost.writes.total > 0) == (name in WRITES | BOTH)
