"""The MemberSpool contract: what was added is read as it was, as often as wanted."""

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.campaigns import TemporarySpool
from domain.audience import Member
from domain.prediction import Arm

BATCHES = st.lists(
    st.lists(
        st.builds(
            Member, st.text(min_size=1, max_size=9), st.floats(0.0, 1.0), st.sampled_from(Arm)
        ),
        max_size=5,
    ),
    max_size=5,
)


@given(BATCHES)
def test_members_come_in_the_batches_in_which_they_were_added(batches: list[list[Member]]) -> None:
    spool = TemporarySpool()
    for batch in batches:
        spool.add(batch)
    assert list(spool.batches()) == list(spool.batches()) == batches
    spool.close()


def test_memory_does_not_grow_with_the_members() -> None:
    spool = TemporarySpool()
    batch = [Member(f"customer-{number:020}", 0.5) for number in range(100)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5_000):
        spool.add(batch)
    assert sum(len(each) for each in spool.batches()) == 500_000
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    spool.close()
    assert grown_kb < 20_000, "half a million members would be 100 MB"


def test_after_the_end_nothing_can_be_read() -> None:
    spool = TemporarySpool()
    spool.add([Member("c", 0.5)])
    spool.close()
    with pytest.raises(ValueError):
        list(spool.batches())
