"""What is slow to find out is found out once, and anew when it is old."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from api.console.kept import PROBLEM_FOR_S, Kept
from domain.errors import StoreUnavailable
from tests.builders import NOW
from tests.doubles.memory import ManualClock

SECOND = 1_000_000


def until(there: Event) -> None:
    assert there.wait(30)


def test_many_who_ask_at_once_get_what_one_made() -> None:
    kept, made = Kept(ManualClock(NOW)), list[int]()

    def make() -> int:
        time.sleep(0.01)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept.once("key", make), range(16)))
    assert found == [1] * 16


def test_what_is_old_is_made_again() -> None:
    clock, made = ManualClock(NOW), iter(range(9))
    kept = Kept(clock)
    assert kept.once("key", lambda: next(made), for_s=60) == 0
    clock.now += 59 * SECOND
    assert kept.once("key", lambda: next(made), for_s=60) == 0
    clock.now += 2 * SECOND
    assert kept.once("key", lambda: next(made), for_s=60) == 1
    assert kept.once("key", lambda: next(made)) == 1


def test_an_error_is_raised_and_not_kept() -> None:
    kept = Kept(ManualClock(NOW))

    def fails() -> int:
        raise StoreUnavailable("silent")

    with pytest.raises(StoreUnavailable):
        kept.once("key", fails)
    assert kept.once("key", lambda: 7) == 7


def test_in_the_background_one_looks_and_the_others_go_on() -> None:
    kept, go, begun, made = Kept(ManualClock(NOW)), Event(), Event(), list[int]()

    def make() -> int:
        made.append(1)
        begun.set()
        until(go)
        return 7

    assert kept.soon("key", make, for_s=60) is None
    until(begun)
    assert kept.soon("key", make, for_s=60) is None
    go.set()
    assert kept.once("key", lambda: 9) == 7  # waits for it
    assert made == [1]


def test_in_the_background_an_error_is_kept_as_a_problem_and_tried_again_later() -> None:
    clock = ManualClock(NOW)
    kept, tried = Kept(clock), list[int]()

    def fails() -> int:
        tried.append(1)
        raise StoreUnavailable("silent")

    while (found := kept.soon("key", fails, for_s=3_600)) is None:
        time.sleep(0.001)
    assert "silent" in found.problem
    clock.now += int((PROBLEM_FOR_S + 1) * SECOND)
    while len(tried) < 2:
        kept.soon("key", fails, for_s=3_600)
    assert kept.once("key", lambda: 7) == 7


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    kept = Kept(ManualClock(NOW), most=2)
    for key in ("a", "b", "a", "c"):
        kept.once(key, partial(str, key))
    assert [kept.known(key) for key in ("a", "b", "c")] == ["a", None, "c"]
