"""Where calls are counted: in every meter around them, and in no other."""

import asyncio
from contextvars import copy_context
from threading import Thread

import pytest

from domain.cost import Cost, Units, count_round_trip, count_units, metered, metered_context

pytestmark = pytest.mark.anyio


def call(times: int = 1) -> None:
    for _ in range(times):
        count_round_trip()
        count_units(reads=Units(measured=0.5), writes=Units(computed=2.0))


def calls(number: int) -> Cost:
    """The cost of so many calls."""
    reads, writes = Units(measured=number * 0.5), Units(computed=number * 2.0)
    return Cost(round_trips=number, reads=reads, writes=writes)


async def test_a_meter_counts_what_its_block_its_tasks_and_their_tasks_call() -> None:
    async def child() -> None:
        call()
        await asyncio.create_task(asyncio.to_thread(call))

    call()
    with metered() as cost:
        call()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child())
            tasks.create_task(child())
    call()
    assert cost == calls(5)


def test_meters_nest() -> None:
    with metered() as outer:
        call()
        with metered() as inner:
            call()
        call()
    assert (inner, outer) == (calls(1), calls(3))


async def test_meters_side_by_side_do_not_see_each_other() -> None:
    async def measured(number: int) -> Cost:
        with metered() as cost:
            for _ in range(number):
                await asyncio.sleep(0)
                call()
        return cost

    assert await asyncio.gather(*map(measured, (1, 2, 3))) == [calls(1), calls(2), calls(3)]


def test_no_call_is_lost_between_threads() -> None:
    with metered() as cost:
        threads = [Thread(target=copy_context().run, args=(call, 2_000)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert cost == calls(16_000)


def test_a_metered_context_counts_and_leaves_the_present_one_as_it_is() -> None:
    with metered() as outer:
        context, cost = metered_context()
        call()
        context.run(call)
    assert (cost, outer) == (calls(1), calls(2))


def test_an_error_ends_a_meter_too() -> None:
    with pytest.raises(ValueError, match="broken"), metered() as cost:
        raise ValueError("broken")
    call()
    assert cost == calls(0)
