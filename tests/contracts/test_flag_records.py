"""The FlagRecords contract: every look is kept, and the newest is read."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.campaigns import ObjectFlagRecords
from adapters.object_store import open_object_store
from domain.campaigns import FlagResults
from domain.errors import CorruptRecord, NotFound
from tests.builders import NOW
from tests.contracts.conftest import OBSTORES
from tests.contracts.test_campaign_records import RESULTS
from tests.doubles.memory import MemoryObjectStore

FOUND = FlagResults(
    flag="banner", category=None, start=NOW - 5, end=NOW, share=0.5, results=RESULTS
)


@pytest.fixture(params=OBSTORES)
def records(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectFlagRecords:
    return ObjectFlagRecords(open_object_store(obstore(request.param)))


def test_the_newest_is_read_as_it_was_kept(records: ObjectFlagRecords) -> None:
    with pytest.raises(NotFound):
        records.newest("banner")
    later = replace(FOUND, results=replace(RESULTS, measured_at=NOW + 9))
    records.keep(later)
    records.keep(FOUND)
    records.keep(replace(FOUND, flag="banner-2"))
    assert records.newest("banner") == later


def test_nothing_is_overwritten(records: ObjectFlagRecords) -> None:
    records.keep(FOUND)
    records.keep(replace(FOUND, share=1.0))
    assert records.newest("banner") == FOUND


def test_what_is_damaged_is_refused() -> None:
    store = MemoryObjectStore()
    store.put_if_absent("flag-results/banner/1.json", b"{}")
    with pytest.raises(CorruptRecord):
        ObjectFlagRecords(store).newest("banner")
