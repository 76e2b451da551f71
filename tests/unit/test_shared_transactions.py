"""Purchases that wait for one customer's transaction share the next one, and each has its outcome."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.purchases.sharing import SharedTransactions
from adapters.dynamodb.wire import Deadline
from domain.cost import count_round_trip, metered
from domain.errors import CorruptRecord, StoreUnavailable
from domain.purchases import Purchase, Recording
from tests.builders import NOW, a_purchase

pytestmark = pytest.mark.anyio


@dataclass
class Table:
    """Records as the store would, a turn of the event loop later; one call of a customer at a time."""

    stored: dict[tuple[str, str], Purchase] = field(default_factory=dict)
    calls: list[list[Purchase]] = field(default_factory=list)
    writing: Counter[str] = field(default_factory=Counter)
    trouble: dict[str, Exception] = field(default_factory=dict)
    """By the id of a purchase that no call can record."""
    silent: asyncio.Event | None = None
    """Nothing is answered before it is set."""

    async def record(
        self, purchases: Sequence[Purchase], _deadline: Deadline
    ) -> dict[str, Recording]:
        customer = purchases[0].customer_id
        assert len({p.purchase_id for p in purchases}) == len(purchases)
        assert {p.customer_id for p in purchases} == {customer}
        self.calls.append(list(purchases))
        self.writing[customer] += 1
        assert self.writing[customer] == 1
        count_round_trip()
        try:
            await (self.silent.wait() if self.silent else asyncio.sleep(0))
            for purchase in purchases:
                if purchase.purchase_id in self.trouble:
                    raise self.trouble[purchase.purchase_id]
            return {p.purchase_id: self._one(p) for p in purchases}
        finally:
            self.writing[customer] -= 1

    def _one(self, purchase: Purchase) -> Recording:
        key = purchase.customer_id, purchase.purchase_id
        if (known := self.stored.setdefault(key, purchase)) is purchase:
            return Recording.RECORDED
        return Recording.DUPLICATE if known == purchase else Recording.CONFLICT


def bought(purchase_id: str, customer: str = "c", amount: int = 1) -> Purchase:
    """A new object each time, so that the table can tell two of the same."""
    return replace(
        a_purchase(customer_id=customer, purchase_id=purchase_id, purchased_at=NOW),
        amount_minor=amount,
    )


async def outcome(
    shared: SharedTransactions, *purchases: Purchase, seconds: float = 60
) -> list[Recording]:
    recordings = await shared.record(purchases, Deadline(seconds))
    return [recordings[purchase.purchase_id] for purchase in purchases]


async def test_what_waits_for_one_customer_is_written_at_once() -> None:
    table = Table()
    shared = SharedTransactions(table.record)
    found = await asyncio.gather(*(outcome(shared, bought(f"p{n}")) for n in range(20)))
    assert found == [[Recording.RECORDED]] * 20
    assert [len(call) for call in table.calls] == [1, 19]


async def test_customers_wait_for_nobody_else() -> None:
    table = Table()
    shared = SharedTransactions(table.record)
    await asyncio.gather(*(outcome(shared, bought("p", f"c{n}")) for n in range(20)))
    assert [len(call) for call in table.calls] == [1] * 20


async def test_payloads_under_one_id_go_one_after_the_other() -> None:
    table = Table()
    shared = SharedTransactions(table.record)
    found = await asyncio.gather(
        outcome(shared, bought("p")),
        outcome(shared, bought("p")),
        outcome(shared, bought("p", amount=2), bought("q")),
        outcome(shared, bought("q"), bought("r")),
    )
    assert list(found) == [
        [Recording.RECORDED],
        [Recording.DUPLICATE],
        [Recording.CONFLICT, Recording.RECORDED],
        [Recording.DUPLICATE, Recording.RECORDED],
    ]


async def test_a_silent_store_fails_all_who_wait_and_holds_nobody_up_later() -> None:
    table = Table(trouble={"p1": StoreUnavailable("silent")})
    shared = SharedTransactions(table.record)
    calls = [outcome(shared, bought(f"p{n}")) for n in range(4)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert found[0] == [Recording.RECORDED]
    assert [type(each) for each in found[1:]] == [StoreUnavailable] * 3
    table.trouble.clear()
    assert await outcome(shared, bought("p1")) == [Recording.RECORDED]


async def test_a_damaged_row_is_the_trouble_of_who_asked_for_it_alone() -> None:
    table = Table(trouble={"p2": CorruptRecord("damaged")})
    shared = SharedTransactions(table.record)
    calls = [outcome(shared, bought(f"p{n}")) for n in range(5)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found.pop(2), CorruptRecord)
    assert found == [[Recording.RECORDED]] * 4


async def test_who_waits_beyond_the_deadline_is_told_so_and_the_others_go_on() -> None:
    table = Table(silent=asyncio.Event())
    shared = SharedTransactions(table.record)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(outcome(shared, bought("p0")))
        await asyncio.sleep(0)
        patient = tasks.create_task(outcome(shared, bought("p1")))
        with pytest.raises(StoreUnavailable):
            await outcome(shared, bought("p2"), seconds=0.01)
        assert table.silent
        table.silent.set()
    assert first.result() == patient.result() == [Recording.RECORDED]
    assert [len(call) for call in table.calls] == [1, 1]


async def test_who_gives_up_takes_nobody_along() -> None:
    table = Table(silent=asyncio.Event())
    shared = SharedTransactions(table.record)
    calls = [asyncio.create_task(outcome(shared, bought(f"p{n}"))) for n in range(4)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.sleep(0.01)  # now the others are being written
    calls[1].cancel()
    assert table.silent
    table.silent.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [True] * 2 + [False] * 2
    assert found[2:] == [[Recording.RECORDED]] * 2


async def test_a_call_that_serves_several_counts_as_the_cost_of_the_first() -> None:
    shared = SharedTransactions(Table().record)

    async def cost(purchase_id: str) -> int:
        with metered() as cost:
            await outcome(shared, bought(purchase_id))
        return cost.round_trips

    assert await asyncio.gather(*map(cost, ("p0", "p1", "p2"))) == [1, 1, 0]


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.lists(st.tuples(st.sampled_from("pqrs"), st.integers(1, 2)), min_size=1, max_size=3),
            st.integers(0, 5),
        ),
        max_size=12,
    )
)
def test_whatever_comes_when_every_outcome_is_one_that_some_order_gives(
    calls: list[tuple[str, list[tuple[str, int]], int]],
) -> None:
    table = Table()
    shared = SharedTransactions(table.record)
    outcomes: dict[tuple[str, str, int], list[Recording]] = defaultdict(list)

    async def call(customer: str, wanted: dict[str, int], turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        purchases = [bought(name, customer, amount) for name, amount in wanted.items()]
        for purchase, found in zip(purchases, await outcome(shared, *purchases), strict=True):
            outcomes[customer, purchase.purchase_id, purchase.amount_minor].append(found)

    async def all_of_them() -> None:
        await asyncio.gather(*(call(who, dict(wanted), turns) for who, wanted, turns in calls))

    asyncio.run(all_of_them())
    for (customer, name, amount), found in outcomes.items():
        if table.stored[customer, name].amount_minor == amount:
            assert found.count(Recording.RECORDED) == 1
            assert found.count(Recording.DUPLICATE) == len(found) - 1
        else:
            assert set(found) == {Recording.CONFLICT}
