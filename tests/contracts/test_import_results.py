"""What every ImportResults promises."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.import_parts import ObjectImportResults
from adapters.import_parts.chunks import PREFIX
from adapters.object_store import open_object_store
from domain.cost import Cost, Units
from domain.errors import CorruptRecord
from domain.purchases import ImportResults, Loaded, Outcome, RawRow, RefusedRow
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryObjectStore

LOADED = Loaded(
    counts={Outcome.RECORDED: 7, Outcome.REJECTED: 2},
    refused=("chunks/a",),
    cost=Cost(round_trips=3, refusals=1, reads=Units(1.5), writes=Units(computed=0.25)),
)


@pytest.fixture(params=["memory", *OBSTORES])
def results(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ImportResults:
    if request.param == "memory":
        return ObjectImportResults(MemoryObjectStore())
    return ObjectImportResults(open_object_store(obstore(request.param)))


def refused(number: int, reason: str = "is missing") -> RefusedRow:
    raw = {"customer_id": f"c{number}", "amount": Decimal("1.50"), "category": ["no", None]}
    row = RawRow(number=number, raw=raw, progress=0)
    return RefusedRow(row=row, outcome=Outcome.REJECTED, field="category", reason=reason)


def test_a_partition_has_the_first_result_for_good(results: ImportResults) -> None:
    assert results.result(3) is None
    assert results.finish(3, LOADED) == LOADED
    other = replace(LOADED, counts={Outcome.DUPLICATE: 9})
    assert results.finish(3, other) == replace(LOADED, earlier=True)
    assert results.result(3) == replace(LOADED, earlier=True)
    assert results.result(4) is None


def test_refused_rows_are_read_as_they_were_kept_in_the_order_of_their_numbers(
    results: ImportResults,
) -> None:
    one = results.keep([refused(5), refused(2)])
    two = results.keep([refused(9), refused(2, "once more"), refused(1)])
    assert list(results.refused([one, two])) == [
        *(refused(1), refused(2), refused(2, "once more")),
        *(refused(5), refused(9)),
    ]
    assert list(results.refused([])) == []


def test_a_row_that_could_not_be_read_is_kept_with_its_text(results: ImportResults) -> None:
    row = RawRow(number=1, raw=None, problem="is no JSON", field="row", text="{\ud800", progress=0)
    told = RefusedRow(row=row, outcome=Outcome.REJECTED, field="row", reason="\ud800 is no JSON")
    assert list(results.refused([results.keep([told])])) == [told]


def test_what_was_damaged_is_refused() -> None:
    store = MemoryObjectStore()
    results = ObjectImportResults(store)
    name = results.keep([refused(1)])
    store._objects[PREFIX + name] = b"damage"  # noqa: SLF001
    with pytest.raises(CorruptRecord, match=name):
        list(results.refused([name]))
    store.put_if_absent(f"{PREFIX}done/000001.json", b"{}")
    with pytest.raises(CorruptRecord, match="000001"):
        results.result(1)
