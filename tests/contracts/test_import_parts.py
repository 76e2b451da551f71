"""What every ImportParts promises."""

import datetime as dt
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.import_parts import ObjectImportParts
from adapters.import_parts.chunks import PREFIX
from adapters.import_parts.parts import MANIFEST
from adapters.object_store import open_object_store
from domain.errors import CorruptRecord
from domain.purchases import ImportManifest, ImportParts, RawRow, RowKind
from domain.purchases.quoting import quote
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryObjectStore

TEXT = st.text(st.characters(), max_size=5)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.decimals(allow_nan=False)
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
ROWS = st.lists(
    st.builds(
        RawRow,
        number=st.integers(1, 2**40),
        raw=st.none() | st.dictionaries(TEXT, VALUES, max_size=6),
        problem=st.none() | TEXT,
        field=TEXT,
        text=st.none() | TEXT,
        progress=st.just(0),
        kind=st.sampled_from(RowKind),
    ),
    max_size=20,
)


@pytest.fixture(params=["memory", *OBSTORES])
def parts(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ImportParts:
    if request.param == "memory":
        return ObjectImportParts(MemoryObjectStore())
    return ObjectImportParts(open_object_store(obstore(request.param)))


def some_rows(count: int) -> Iterator[tuple[int, RawRow]]:
    """Rows of three partitions, the last of which is empty."""
    for number in range(1, count + 1):
        raw = {"customer_id": f"c{number}", "amount": Decimal(number).scaleb(-2)}
        yield number % 2, RawRow(number=number, raw=raw, progress=number * 7)


def seen(row: RawRow) -> tuple[object, ...]:
    """All of a row that anybody looks at; text says of numbers more than equality."""
    return row.number, repr(row.raw), row.problem, row.field, row.text, row.kind


@given(rows=ROWS)
def test_rows_are_read_as_they_were_written_to_the_last_digit(rows: list[RawRow]) -> None:
    parts = ObjectImportParts(MemoryObjectStore())
    (partition,) = parts.write([(0, row) for row in rows], 1)
    assert partition.rows == len(rows)
    found = list(parts.read(partition))
    assert list(map(seen, found)) == list(map(seen, rows))
    assert [row.progress for row in found] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-0.00"),
        Decimal("1E+400"),
        float("nan"),
        float("-inf"),
        b"bytes",
        (1, "two"),
        dt.time(10, 30),
        dt.timedelta(days=1),
        UUID(int=7),
        {"nested": [b"bytes", (Decimal("1.50"),)]},
    ],
)
def test_what_is_no_field_of_a_purchase_is_refused_with_the_same_words(value: object) -> None:
    parts = ObjectImportParts(MemoryObjectStore())
    row = RawRow(number=1, raw={"customer_id": value}, progress=1)
    (partition,) = parts.write([(0, row)], 1)
    (found,) = parts.read(partition)
    kept = (found.raw or {})["customer_id"]
    assert not isinstance(kept, str)
    assert isinstance(kept, Decimal) == isinstance(value, Decimal)
    assert quote(kept) == quote(value)
    assert json.dumps(kept, default=str) == json.dumps(value, default=str)


def test_a_value_nested_without_end_is_still_refused() -> None:
    value: object = 1
    for _ in range(500):
        value = [value]
    parts = ObjectImportParts(MemoryObjectStore())
    (partition,) = parts.write([(0, RawRow(number=1, raw={"amount": value}, progress=1))], 1)
    (found,) = parts.read(partition)
    assert not isinstance((found.raw or {})["amount"], str | int)


def test_each_partition_has_its_rows_in_their_order(parts: ImportParts) -> None:
    partitions = parts.write(some_rows(5_000), 3)
    assert [each.number for each in partitions] == [0, 1, 2]
    assert [each.rows for each in partitions] == [2_500, 2_500, 0]
    for each in partitions[:2]:
        numbers = [row.number for row in parts.read(each)]
        assert numbers == [n for n in range(1, 5_001) if n % 2 == each.number]
    assert list(parts.read(partitions[2])) == []


def test_there_is_no_manifest_until_it_is_committed_and_the_first_one_stays(
    parts: ImportParts,
) -> None:
    assert parts.manifest() is None
    first = ImportManifest(of={"FILE": "abc"}, partitions=parts.write(some_rows(10), 2))
    parts.commit(first)
    parts.commit(ImportManifest(of={}, partitions=[]))
    assert parts.manifest() == first
    assert first.rows == 10


@pytest.mark.full
def test_memory_does_not_grow_with_the_rows() -> None:
    peaks = []
    for rows in (20_000, 80_000):
        parts = ObjectImportParts(Discarding(), most_bytes=200_000)
        tracemalloc.start()
        try:
            assert sum(each.rows for each in parts.write(some_rows(rows), 2)) == rows
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 200_000  # the rows are 5 MB


class Discarding(MemoryObjectStore):
    """Keeps nothing, so that only the writer's own memory counts."""

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        """As if it were kept."""
        return bool(key and content)


@pytest.mark.parametrize("most_bytes", [0, 1_000, 100_000])
def test_rows_are_the_same_in_chunks_of_any_size(most_bytes: int) -> None:
    parts = ObjectImportParts(MemoryObjectStore(), most_bytes=most_bytes)
    first, second, _ = parts.write(some_rows(200), 3)
    assert [row.number for row in parts.read(first)] == list(range(2, 201, 2))
    assert [row.number for row in parts.read(second)] == list(range(1, 201, 2))


def test_the_same_rows_are_the_same_chunks_whoever_writes_them() -> None:
    store = MemoryObjectStore()
    parts = ObjectImportParts(store)
    written = parts.write(some_rows(100), 3)
    keys = store.keys("")
    assert parts.write(some_rows(100), 3) == written
    assert store.keys("") == keys


def test_a_chunk_that_was_changed_or_is_gone_is_refused() -> None:
    store = MemoryObjectStore()
    parts = ObjectImportParts(store)
    first, second, _ = parts.write(some_rows(100), 3)
    name, other = PREFIX + first.chunks[0], PREFIX + second.chunks[0]
    store._objects[name] = store.get(other)  # noqa: SLF001  # damage
    del store._objects[other]  # noqa: SLF001
    for partition in (first, second):
        with pytest.raises(CorruptRecord, match=partition.chunks[0]):
            list(parts.read(partition))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", random.Random(1).randbytes(50)])
def test_a_manifest_that_is_none_is_refused(content: bytes) -> None:
    store = MemoryObjectStore()
    store.put_if_absent(MANIFEST, content)
    with pytest.raises(CorruptRecord, match=MANIFEST):
        ObjectImportParts(store).manifest()
