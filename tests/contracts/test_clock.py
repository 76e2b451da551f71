"""What every Clock promises."""

from datetime import UTC, datetime

from adapters.clock import SystemClock
from domain.values import MICROS_PER_DAY, from_datetime
from tests.doubles.memory import ManualClock


def test_the_system_clock_tells_microseconds_of_utc() -> None:
    today = from_datetime(datetime.now(UTC))
    assert abs(SystemClock()() - today) < MICROS_PER_DAY


def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    assert clock() <= clock()


def test_the_manual_clock_tells_what_it_was_set_to() -> None:
    clock = ManualClock(5)
    clock.now += 1
    assert clock() == 6
