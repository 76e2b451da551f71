"""Whoever reads the dashboards can tell faults apart."""

import re

import pytest

from tests.observe.faults import FAULTS
from tests.observe.panels import DASHBOARDS
from tests.observe.seen import CONTROL, PAGE, PLACE, alike, look

LIMITED = {
    panel.title for dashboard in DASHBOARDS for panel in dashboard.panels if panel.limit is not None
}


@pytest.mark.engine
@pytest.mark.full
@pytest.mark.early(100)
def test_no_two_faults_look_alike_and_each_is_where_it_should_be() -> None:
    found = look()
    assert alike(found) == []
    for fault in FAULTS:
        expected = {fault.shows} - {""}
        assert expected <= found[fault.name].panels, f"{fault.name}: {found[fault.name]}"
    assert found[CONTROL].panels == set()


def test_the_page_tells_at_least_ten_faults_apart_by_panels_that_exist() -> None:
    place = PLACE.search(PAGE.read_text())
    assert place is not None
    rows = [line.split(" | ") for line in place[0].splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows] == [fault.says for fault in FAULTS]
    seen = [frozenset(re.split("<br>", row[1].strip())) - {""} for row in rows]
    assert len(set(seen)) == len(seen) > 10
    assert frozenset().union(*seen) <= LIMITED
    for fault, panels in zip(FAULTS, seen, strict=True):
        assert {fault.shows} - {""} <= panels
