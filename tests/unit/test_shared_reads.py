"""Requests that wait at the same moment share a round trip, and nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.cost import Cost, Units, count_round_trip, count_units, metered
from domain.errors import CorruptRecord, InvalidRequest, StoreUnavailable
from domain.recent import RecentBatch, RecentHistory, SharedReads
from tests.builders import a_purchase

pytestmark = pytest.mark.anyio


class Recent:
    """Recent purchases that note how they are asked; batches leave out whom they are told to."""

    complete_since = 20_000

    def __init__(self, *unread: str, trouble: Exception | None = None) -> None:
        self.unread = set(unread)
        self.trouble = trouble
        self.trouble_alone: Exception | None = None
        self.batches: list[list[str]] = []
        self.alone: list[str] = []

    async def read(self, customer_ids: Sequence[str], /) -> RecentBatch:
        self.batches.append(list(customer_ids))
        count_round_trip()
        await asyncio.sleep(0)
        if self.trouble:
            raise self.trouble
        count_units(reads=Units(measured=float(len(customer_ids))))
        return RecentBatch(
            histories=[history(c) for c in customer_ids if c not in self.unread],
            unread=[c for c in customer_ids if c in self.unread],
        )

    async def one(self, customer_id: str, /) -> RecentHistory:
        self.alone.append(customer_id)
        count_round_trip()
        if self.trouble_alone:
            raise self.trouble_alone
        await asyncio.sleep(0)
        count_units(reads=Units(measured=1.0))
        return history(customer_id)


def shared(recent: Recent) -> SharedReads:
    return SharedReads(recent)  # type: ignore[arg-type]  # the part of the port that is asked


def history(customer: str) -> RecentHistory:
    return RecentHistory(
        customer_id=customer,
        complete_since=20_000,
        purchases=[a_purchase(customer_id=customer)],
    )


async def asked(recent: Recent, *customers: str) -> list[tuple[str, Cost]]:
    """Whom each of so many requests side by side was told of, and what it was told to cost."""
    reads = shared(recent)

    async def one(customer: str) -> tuple[str, Cost]:
        with metered() as cost:
            found = await reads.one(customer)
        assert found == history(customer)
        return found.customer_id, cost

    return await asyncio.gather(*map(one, customers))


async def test_whoever_asks_alone_is_read_alone() -> None:
    recent = Recent()
    assert [customer for customer, _ in await asked(recent, "a")] == ["a"]
    assert (recent.batches, recent.alone) == ([], ["a"])


async def test_requests_side_by_side_share_a_round_trip_and_its_cost() -> None:
    recent = Recent()
    found = await asked(recent, "a", "b", "c", "d")
    assert [customer for customer, _ in found] == ["a", "b", "c", "d"]
    assert (recent.batches, recent.alone) == ([["b", "c", "d"]], ["a"])
    assert [cost.round_trips for _, cost in found] == [1, 1, 0, 0]
    assert [cost.reads for _, cost in found] == [Units(measured=1.0)] * 4


async def test_whoever_asks_after_the_others_were_answered_is_read_alone() -> None:
    recent = Recent()
    reads = shared(recent)
    await asyncio.gather(*map(reads.one, "abc"))
    assert await reads.one("d") == history("d")
    assert (recent.batches, recent.alone) == ([["b", "c"]], ["a", "d"])


async def test_whoever_failed_is_in_nobodys_way() -> None:
    recent = Recent()
    reads = shared(recent)
    recent.trouble_alone = StoreUnavailable("gone")
    with pytest.raises(StoreUnavailable):
        await reads.one("a")
    recent.trouble_alone = None
    assert await reads.one("b") == history("b")
    assert (recent.batches, recent.alone) == ([], ["a", "b"])


async def test_more_than_a_batch_takes_are_several_batches() -> None:
    recent = Recent()
    found = await asked(recent, *(f"customer-{n}" for n in range(251)))
    assert [len(batch) for batch in recent.batches] == [100, 100, 50]
    assert sum(cost.round_trips for _, cost in found) == 4


async def test_two_requests_for_one_customer_are_both_answered() -> None:
    recent = Recent()
    found = await asked(recent, "x", "a", "b", "a")
    assert [customer for customer, _ in found] == ["x", "a", "b", "a"]
    assert (recent.batches, recent.alone) == ([["a", "b"]], ["x", "a"])


async def test_whom_a_batch_leaves_unread_is_read_alone() -> None:
    recent = Recent("b")
    found = await asked(recent, "x", "a", "b", "c")
    assert [customer for customer, _ in found] == ["x", "a", "b", "c"]
    assert recent.alone == ["x", "b"]


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("throttled"), CorruptRecord("of one of them")], ids=str
)
async def test_a_batch_that_fails_is_nobodys_failure(trouble: Exception) -> None:
    recent = Recent(trouble=trouble)
    assert [customer for customer, _ in await asked(recent, "x", "a", "b")] == ["x", "a", "b"]
    assert recent.alone == ["x", "a", "b"]


async def test_a_request_that_is_given_up_takes_nobody_along() -> None:
    recent = Recent()
    reads = shared(recent)
    calls = [asyncio.ensure_future(reads.one(customer)) for customer in "xabc"]
    await asyncio.sleep(0)
    calls[2].cancel()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [*found[:2], found[3]] == [history("x"), history("a"), history("c")]
    assert isinstance(found[2], asyncio.CancelledError)


async def test_an_unexpected_error_leaves_nobody_waiting() -> None:
    recent = Recent(trouble=InvalidRequest("x", "y"))
    assert len(await asked(recent, "x", "a", "b")) == 3


def test_event_loops_do_not_share() -> None:
    recent = Recent()
    for _ in range(2):
        assert len(asyncio.run(asked(recent, "x", "a", "b"))) == 3
    assert recent.batches == [["a", "b"]] * 2
