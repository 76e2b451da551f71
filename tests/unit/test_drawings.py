"""The converter's process: kept drawings need none, and a lost one is replaced."""

import multiprocessing
import os
import signal

import pytest

from adapters.pictures import VegaDrawings
from api.pictures import gauge, page_svg
from domain.errors import Unavailable


def converters(before: set[int | None]) -> list[int]:
    return [
        each.pid
        for each in multiprocessing.active_children()
        if each.pid and each.pid not in before
    ]


@pytest.mark.full
def test_a_lost_process_is_replaced_and_what_was_drawn_is_kept() -> None:
    before = {each.pid for each in multiprocessing.active_children()}
    drawings = VegaDrawings()
    try:
        drawn = page_svg(drawings, gauge(0.4), 330)
        (pid,) = converters(before)
        os.kill(pid, signal.SIGKILL)
        assert page_svg(drawings, gauge(0.4), 330) == drawn
        with pytest.raises(Unavailable):
            page_svg(drawings, gauge(0.5), 330)
        assert page_svg(drawings, gauge(0.5), 330).startswith("<svg")
    finally:
        drawings.close()
    assert converters(before) == []


@pytest.mark.full
def test_no_more_is_kept_than_there_is_room_for() -> None:
    drawings = VegaDrawings(keep_bytes=5_000)
    try:
        for number in range(6):
            page_svg(drawings, gauge(number / 10), 330)
            assert drawings.kept_bytes <= 5_000
        assert drawings.kept_bytes > 0
        large = VegaDrawings(keep_bytes=10)
        assert page_svg(large, gauge(0.5), 330) == page_svg(drawings, gauge(0.5), 330)
        assert large.kept_bytes == 0
        large.close()
    finally:
        drawings.close()
