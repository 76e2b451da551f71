"""The worker killed while it works: nothing lost, nothing twice. The full size is a benchmark."""

import pytest

from benchmarks.queue_exactness import measure

pytestmark = [pytest.mark.full, pytest.mark.early(40)]


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing() -> None:
    figures = measure(purchases=3_000, kill_every_s=0.0, most_kills=2, seed=11)
    assert (figures["purchases"], figures["differences"], figures["dead_letters"]) == (3_000, 0, 0)
    assert figures["kills"] == 2
