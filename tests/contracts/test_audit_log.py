"""What every AuditLog promises."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.audit_log import ObjectAuditLog
from adapters.object_store import open_object_store
from domain.audit import Act, AuditLog, AuditTrail, Entry, Outcome, Target, Who
from domain.errors import CorruptRecord, StoreUnavailable
from model_registry.errors import RevisionConflict
from tests.builders import DAY, NOW
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import ManualClock, MemoryObjectStore

ENTRY = Entry(
    at=NOW, actor="ci", act=Act.PROMOTE, target=Target.MODEL, name="m@2", request_id="r-1"
)


@pytest.fixture(params=["memory", *OBSTORES])
def log(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> AuditLog:
    if request.param == "memory":
        return ObjectAuditLog(MemoryObjectStore())
    return ObjectAuditLog(open_object_store(obstore(request.param)))


def test_what_was_appended_is_read_as_it_was_the_oldest_first(log: AuditLog) -> None:
    entries = [
        replace(ENTRY, at=NOW - DAY, act=Act.ERASE, target=Target.CUSTOMER, name=None),
        ENTRY,
        replace(ENTRY, at=NOW + 1, outcome=Outcome.FAILED),
        replace(ENTRY, at=NOW + DAY),
    ]
    for entry in reversed(entries):
        log.append(entry)
    assert log.entries(since=NOW - DAY, until=NOW + DAY + 1) == entries
    assert log.entries(since=NOW, until=NOW + 1) == [ENTRY]
    assert log.entries(since=NOW + 1, until=NOW + DAY) == [entries[2]]
    assert log.entries(since=NOW - 9 * DAY, until=NOW - DAY) == []


def test_of_equal_entries_each_is_kept(log: AuditLog) -> None:
    for _ in range(3):
        log.append(ENTRY)
    assert log.entries(since=NOW, until=NOW + 1) == [ENTRY] * 3


def test_what_is_no_entry_is_named() -> None:
    store = MemoryObjectStore()
    log = ObjectAuditLog(store)
    log.append(ENTRY)
    (key,) = store.keys("audit/")
    store.put_if_absent(key + "x", b"{}")
    with pytest.raises(CorruptRecord, match="audit/"):
        log.entries(since=NOW, until=NOW + 1)


class Broken(ObjectAuditLog):
    """Keeps nothing."""

    def append(self, entry: Entry, /) -> None:
        raise StoreUnavailable(f"{entry.act} is not kept")


def test_an_act_whose_entry_cannot_be_kept_is_not_done() -> None:
    trail = AuditTrail(log=Broken(MemoryObjectStore()), clock=ManualClock(NOW))
    done = []
    with (
        pytest.raises(StoreUnavailable),
        trail.act(Who(actor="ci", request_id="r"), Act.ERASE, Target.CUSTOMER),
    ):
        done.append(True)
    assert done == []


def test_an_act_that_fails_has_a_second_entry() -> None:
    log, clock = ObjectAuditLog(MemoryObjectStore()), ManualClock(NOW)
    trail = AuditTrail(log=log, clock=clock)

    def refused() -> None:
        with trail.act(Who(actor="ci", request_id="r-1"), Act.PROMOTE, Target.MODEL, "m@2"):
            clock.now += 1
            raise RevisionConflict("somebody else was faster")

    with pytest.raises(RevisionConflict):
        refused()
    failed = replace(ENTRY, at=NOW + 1, outcome=Outcome.FAILED)
    assert log.entries(since=NOW, until=NOW + 2) == [ENTRY, failed]
