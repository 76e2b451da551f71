"""Measurements beside serving: one of a campaign at a time, so many at once, and what became of each."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from api.process.measurements import Measurements
from domain.errors import Busy, StoreUnavailable
from tests.builders import NOW
from tests.doubles.spread import ThreadBeside

Tell = Callable[[object], object]


class Work:
    """Measures when it is released; tells half of the members before."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.begun: list[tuple[str, int]] = []
        self.trouble: Exception | None = None

    def __call__(self, name: str, days: int) -> Callable[[Tell], None]:
        def measure(tell: Tell) -> None:
            self.begun.append((name, days))
            tell(2)
            assert self.released.wait(30)
            if self.trouble is not None:
                raise self.trouble

        return measure


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def measurements(work: Work) -> Iterator[Measurements]:
    found = Measurements(work=work, beside=ThreadBeside(), clock=lambda: NOW, most=2)
    yield found
    work.released.set()
    asyncio.run(found.stop())


def awaited(measurements: Measurements, name: str) -> None:
    """Returns once that measurement is over."""
    over = threading.Event()
    for _ in range(3_000):
        state = measurements.state(name)
        if state is not None and state.over:
            return
        over.wait(0.01)
    pytest.fail("it was never over")


def test_a_campaign_is_measured_once_at_a_time(measurements: Measurements, work: Work) -> None:
    begun = measurements.start("spring", days=30, members=4)
    again = measurements.start("spring", days=7, members=4)
    assert (again.days, again.began_at) == (begun.days, NOW)
    work.released.set()
    awaited(measurements, "spring")
    assert work.begun == [("spring", 30)]
    assert measurements.start("spring", days=7, members=4).days == 7


def test_so_many_are_measured_at_once_and_no_more(measurements: Measurements, work: Work) -> None:
    measurements.start("spring", days=30, members=4)
    measurements.start("summer", days=30, members=4)
    with pytest.raises(Busy):
        measurements.start("autumn", days=30, members=4)
    assert measurements.state("autumn") is None
    work.released.set()
    awaited(measurements, "spring")


def test_why_one_failed_is_told_and_it_may_be_tried_again(
    measurements: Measurements, work: Work
) -> None:
    work.trouble = StoreUnavailable("the table is gone")
    work.released.set()
    measurements.start("spring", days=30, members=4)
    awaited(measurements, "spring")
    state = measurements.state("spring")
    assert state is not None
    assert state.reason is not None
    assert "the table is gone" in state.reason
    assert state.done == 2
    work.trouble = ValueError("a secret")
    measurements.start("spring", days=30, members=4)
    awaited(measurements, "spring")
    state = measurements.state("spring")
    assert state is not None
    assert state.reason is not None
    assert "secret" not in state.reason, "what went wrong inside stays in the log"


def test_a_stopped_server_measures_no_more(measurements: Measurements, work: Work) -> None:
    measurements.start("spring", days=30, members=4)
    work.released.set()  # a thread cannot be stopped; the process that stands in its place is
    asyncio.run(measurements.stop())
    state = measurements.state("spring")
    assert state is not None
    assert state.over
    with pytest.raises(Busy):
        measurements.start("summer", days=30, members=4)
