from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.wire.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, Deadline
from tests.integration.faults import Stopwatch


def test_a_deadline_counts_from_the_moment_it_is_made() -> None:
    clock = Stopwatch()
    deadline = Deadline(2.0, clock=clock)
    clock.now = 1.5
    assert deadline.left() == 0.5
    clock.now = 2.0
    assert deadline.left() == 0.0
    assert list(deadline.pauses()) == []


def test_the_longest_pause_doubles_up_to_a_limit() -> None:
    deadline = Deadline(9.0, clock=Stopwatch(), jitter=lambda _, longest: longest)
    pauses = list(islice(deadline.pauses(), 8))
    assert pauses == [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(8)]


def test_a_pause_may_be_any_part_of_the_longest() -> None:
    pauses = list(islice(Deadline(9.0, clock=Stopwatch()).pauses(), 50))
    assert len(set(pauses)) > 1
    assert all(0 <= pause <= LONGEST_PAUSE_S for pause in pauses)


def test_pauses_that_begin_later_do_not_extend_the_deadline() -> None:
    clock = Stopwatch()
    deadline = Deadline(1.0, clock=clock)
    clock.now = 1.0
    assert list(deadline.pauses()) == []


@given(
    seconds=st.floats(0, 10),
    attempts=st.lists(st.floats(0.01, 3), min_size=1, max_size=30),
    part=st.floats(0, 1),
)
def test_every_pause_leaves_time_for_one_more_attempt(
    seconds: float, attempts: list[float], part: float
) -> None:
    clock = Stopwatch()
    deadline = Deadline(seconds, clock=clock, jitter=lambda _, longest: part * longest)
    for pause, attempt in zip(deadline.pauses(), attempts, strict=False):
        clock.now += pause
        assert deadline.left() > -1e-9
        clock.now += attempt
