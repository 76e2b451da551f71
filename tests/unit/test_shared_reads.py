"""Requests that wait at the same moment share a round trip, and nothing else."""

import asyncio

import pytest

from domain.cost import Cost, Units, metered
from domain.errors import CorruptRecord, InvalidRequest, StoreUnavailable
from domain.recent import SharedReads
from domain.recent.shared_reads import MOST_TURNS
from tests.doubles.store import ReferenceStore, Trouble, failing_with, no_trouble

pytestmark = pytest.mark.anyio


def a_store(*unread: str, refuse: Trouble = no_trouble) -> ReferenceStore:
    store = ReferenceStore()
    store.unread, store.refuse = frozenset(unread), refuse
    return store


def batches(store: ReferenceStore) -> list[list[str]]:
    return [list(call.customers) for call in store.calls_of("read")]


def alone(store: ReferenceStore) -> list[str]:
    return [customer for call in store.calls_of("one") for customer in call.customers]


async def asked(store: ReferenceStore, *customers: str) -> list[tuple[str, Cost]]:
    """Whom each of so many requests side by side was told of, and what it was told to cost."""
    reads = SharedReads(store)

    async def one(customer: str) -> tuple[str, Cost]:
        with metered() as cost:
            found = await reads.one(customer, others=len(customers) - 1)
        assert found.customer_id == customer
        return found.customer_id, cost

    return await asyncio.gather(*map(one, customers))


async def test_whoever_asks_alone_is_read_alone() -> None:
    store = a_store()
    assert [customer for customer, _ in await asked(store, "a")] == ["a"]
    assert (batches(store), alone(store)) == ([], ["a"])


async def test_requests_side_by_side_share_a_round_trip_and_its_cost() -> None:
    store = a_store()
    found = await asked(store, "a", "b", "c", "d")
    assert [customer for customer, _ in found] == ["a", "b", "c", "d"]
    assert (batches(store), alone(store)) == ([["a", "b", "c", "d"]], [])
    assert [cost.round_trips for _, cost in found] == [1, 0, 0, 0]
    assert [cost.reads for _, cost in found] == [Units(measured=0.5)] * 4


async def test_whoever_comes_while_the_others_gather_is_read_with_them() -> None:
    store = a_store()
    reads = SharedReads(store)

    async def late(customer: str, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await reads.one(customer, others=1)

    await asyncio.gather(*(late(f"{turns}", turns) for turns in (0, 1, 2, 3, 9)))
    assert (batches(store), alone(store)) == ([["0", "1", "2", "3"]], ["9"])


async def test_nobody_waits_for_all_who_may_ever_come() -> None:
    store = a_store()
    reads, others = SharedReads(store), set[asyncio.Task[object]]()
    first = asyncio.ensure_future(reads.one("first", others=1))
    while not first.done():
        others.add(asyncio.ensure_future(reads.one(f"{len(others)}", others=1)))
        await asyncio.sleep(0)
    assert len(batches(store)[0]) <= MOST_TURNS + 1
    await asyncio.gather(*others)


async def test_who_is_beside_others_who_read_nothing_is_read_alone() -> None:
    store = a_store()
    assert await SharedReads(store).one("a", others=1) == store.recent("a")
    assert (batches(store), alone(store)) == ([], ["a"])


async def test_whoever_failed_is_in_nobodys_way() -> None:
    store = a_store()
    reads = SharedReads(store)
    store.refuse = failing_with(StoreUnavailable("gone"))
    with pytest.raises(StoreUnavailable):
        await reads.one("a", others=0)
    store.refuse = no_trouble
    assert await reads.one("b", others=1) == store.recent("b")
    assert (batches(store), alone(store)) == ([], ["a", "b"])


async def test_more_than_a_batch_takes_are_several_batches() -> None:
    store = a_store()
    found = await asked(store, *(f"customer-{n}" for n in range(251)))
    assert [len(batch) for batch in batches(store)] == [100, 100, 51]
    assert sum(cost.round_trips for _, cost in found) == 3


async def test_two_requests_for_one_customer_are_both_answered() -> None:
    store = a_store()
    found = await asked(store, "x", "a", "b", "a")
    assert [customer for customer, _ in found] == ["x", "a", "b", "a"]
    assert (batches(store), alone(store)) == ([["x", "a", "b"]], ["a"])


async def test_whom_a_batch_leaves_unread_is_read_alone() -> None:
    store = a_store("b")
    found = await asked(store, "x", "a", "b", "c")
    assert [customer for customer, _ in found] == ["x", "a", "b", "c"]
    assert alone(store) == ["b"]


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("throttled"), CorruptRecord("of one of them")], ids=str
)
async def test_a_batch_that_fails_is_nobodys_failure(trouble: Exception) -> None:
    store = a_store(refuse=failing_with(trouble, "read"))
    assert [customer for customer, _ in await asked(store, "x", "a", "b")] == ["x", "a", "b"]
    assert alone(store) == ["x", "a", "b"]


async def test_a_request_that_is_given_up_takes_nobody_along() -> None:
    store = a_store()
    reads = SharedReads(store)
    calls = [asyncio.ensure_future(reads.one(customer, others=1)) for customer in "xabc"]
    await asyncio.sleep(0)
    calls[2].cancel()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [*found[:2], found[3]] == [store.recent(customer) for customer in "xac"]
    assert isinstance(found[2], asyncio.CancelledError)


async def test_an_unexpected_error_leaves_nobody_waiting() -> None:
    store = a_store(refuse=failing_with(InvalidRequest("x", "y"), "read"))
    assert len(await asked(store, "x", "a", "b")) == 3


def test_event_loops_do_not_share() -> None:
    store = a_store()
    for _ in range(2):
        assert len(asyncio.run(asked(store, "x", "a", "b"))) == 3
    assert batches(store) == [["x", "a", "b"]] * 2
