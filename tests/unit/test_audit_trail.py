"""The newest entries of the audit: nothing is missed, and nothing comes twice."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from domain.audit import Act, AuditTrail, Entry, Target
from domain.audit.trail import DAYS_AT_ONCE
from domain.values import MICROS_PER_DAY

DAY = MICROS_PER_DAY
NOW = 40_000 * DAY


def entry(at: int, actor: str = "ada") -> Entry:
    return Entry(at=at, actor=actor, act=Act.PROMOTE, target=Target.MODEL, request_id="r")


@dataclass
class Listed:
    """An AuditLog of a list."""

    kept: list[Entry]

    def append(self, entry: Entry, /) -> None:
        self.kept.append(entry)

    def entries(self, *, since: int, until: int) -> list[Entry]:
        return sorted((e for e in self.kept if since <= e.at < until), key=lambda e: e.at)


ages = st.lists(st.integers(0, 8).map(lambda n: n * DAY // 3), max_size=12)


@given(ages, ages, st.integers(1, 5))
def test_page_after_page_has_every_wanted_entry_once(
    ours: list[int], others: list[int], most: int
) -> None:
    kept = [entry(NOW - age) for age in ours] + [entry(NOW - age, "bob") for age in others]
    trail = AuditTrail(log=Listed(kept), clock=lambda: NOW)
    before, seen = NOW + 1, list[Entry]()
    while before > NOW - 10 * DAY:
        page = trail.newest(before=before, most=most, wanted=lambda e: e.actor == "ada")
        assert page.since < before
        seen += page.entries
        before = page.since
    assert [e.at for e in seen] == sorted((NOW - age for age in ours), reverse=True)


def test_so_many_days_are_looked_through_and_no_more() -> None:
    trail = AuditTrail(log=Listed([entry(NOW - 100 * DAY)]), clock=lambda: NOW)
    page = trail.newest(before=NOW, most=5, wanted=lambda _: True)
    assert (page.entries, page.since) == ([], NOW - DAYS_AT_ONCE * DAY)


def test_there_is_nothing_before_the_epoch() -> None:
    trail = AuditTrail(log=Listed([entry(5)]), clock=lambda: NOW)
    page = trail.newest(before=3 * DAY, most=5, wanted=lambda _: True)
    assert [e.at for e in page.entries] == [5]
    assert trail.newest(before=page.since, most=5, wanted=lambda _: True).entries == []
