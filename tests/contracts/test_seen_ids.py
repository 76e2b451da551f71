"""What every SeenIds promises."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.seen_ids import TemporarySeenIds
from domain.purchases.ports import SeenIds
from tests.doubles.memory import MemorySeenIds

SEEN: list[Callable[[], SeenIds]] = [MemorySeenIds, TemporarySeenIds]
any_text = st.text(st.characters(), max_size=3)


@pytest.mark.parametrize("make", SEEN)
@given(ids=st.lists(st.tuples(any_text, any_text)))
def test_each_id_is_counted_and_its_first_row_is_known(
    make: Callable[[], SeenIds], ids: list[tuple[str, str]]
) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    with closing(make()) as seen:
        for row, (who, purchase_id) in enumerate(ids):
            counts[who, purchase_id] += 1
            first = ids.index((who, purchase_id))
            assert seen.count(who, purchase_id, row) == (counts[who, purchase_id], first)


def test_memory_does_not_grow_with_the_ids() -> None:
    with closing(TemporarySeenIds()) as seen:
        tracemalloc.start()
        try:
            for row in range(20_000):
                seen.count("customer", f"purchase-{row}", row)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 100_000
