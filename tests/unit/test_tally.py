"""What happens often is told at once, then once in a while, and to the last."""

from collections.abc import Callable, Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from api.process.tally import EVERY_S, Tally


class Clock:
    """Timers that go off when the test says so."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == EVERY_S
        self.due.append(call)

    def a_minute_passes(self) -> None:
        due, self.due = self.due, []
        for each in due:
            each()


def test_the_first_is_told_at_once_and_the_others_after_a_minute() -> None:
    clock, told = Clock(), list[Mapping[str, int]]()
    tally = Tally(told.append, later=clock.later)
    tally.add("shed")
    tally.add("shed", 2)
    tally.add("other")
    assert told == [{"shed": 1}]
    clock.a_minute_passes()
    assert told[1:] == [{"shed": 2, "other": 1}]
    clock.a_minute_passes()
    assert len(told) == 2
    assert not clock.due
    tally.add("shed")
    assert told[2:] == [{"shed": 1}]


@given(st.lists(st.one_of(st.none(), st.integers(1, 9))))
def test_everything_is_told_once_and_never_twice_within_a_minute(steps: list[int | None]) -> None:
    clock, told, minutes = Clock(), list[int](), list[int]()
    tally = Tally(lambda counts: told.append(counts["x"]), later=clock.later)
    for step in steps:
        if step is None:
            clock.a_minute_passes()
            minutes.append(len(told))
        else:
            tally.add("x", step)
    clock.a_minute_passes()
    assert sum(told) == sum(step for step in steps if step is not None)
    # Within a minute at most its end's line, and the first of a new spell.
    assert all(later - before <= 2 for before, later in pairwise(minutes))
