import pytest
from hypothesis import given

from domain.values import MICROS_PER_DAY, Window
from domain.values.instant import MICROS_PER_HOUR
from domain.values.window import MAX_LENGTH_US
from tests.builders import NOW, missing
from tests.strategies import windows


def test_a_day_has_twenty_four_hours() -> None:
    assert Window.days(2) == Window(48 * MICROS_PER_HOUR)


def test_the_lower_edge_lies_one_length_before_as_of() -> None:
    assert Window(5).after(100) == 95


@pytest.mark.parametrize("length_us", [0, -1, MAX_LENGTH_US + 1, 10**30])
def test_a_window_looks_back_a_positive_time_of_ten_years_at_most(length_us: int) -> None:
    with pytest.raises(ValueError) as caught:
        Window(length_us)
    assert not missing(caught.value, length_us)


def test_windows_are_ordered_by_their_length() -> None:
    assert max(Window.days(1), Window(25 * MICROS_PER_HOUR), Window(1)) == Window(
        25 * MICROS_PER_HOUR
    )


@pytest.mark.parametrize(
    ("length_us", "text"),
    [
        (30 * MICROS_PER_DAY, "30d"),
        (36 * MICROS_PER_HOUR, "36h"),
        (24 * MICROS_PER_HOUR, "1d"),
        (90, "90us"),
        (MICROS_PER_DAY + 1, "86400000001us"),
    ],
)
def test_a_window_is_written_in_whole_units(length_us: int, text: str) -> None:
    assert str(Window(length_us)) == text


@given(windows, windows)
def test_only_equal_windows_are_written_alike(one: Window, other: Window) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(windows, windows)
def test_adjoining_windows_meet_in_one_edge(recent: Window, before: Window) -> None:
    both = Window(recent.length_us + before.length_us)
    assert before.after(recent.after(NOW)) == both.after(NOW)
