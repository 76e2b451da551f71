"""What every AudienceParts promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.audience_parts import MANIFEST, ObjectAudienceParts
from adapters.object_store import open_object_store
from domain.audience import (
    AudienceParts,
    AudienceQuery,
    AudienceSummary,
    Member,
    Part,
    PartsManifest,
    Piece,
)
from domain.categories import Position
from domain.errors import CorruptRecord, StoreUnavailable
from domain.prediction import Arm
from tests.builders import NOW, a_traffic
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryObjectStore
from tests.doubles.spread import MemoryParts
from tests.fakes import SaturatingScorer

PREFIX = "audiences/one/"
MEMBERS = st.lists(
    st.builds(
        Member,
        st.text(min_size=1, max_size=20),
        st.none() | st.floats(0.0, 1.0),
        st.sampled_from(Arm),
    ),
    max_size=30,
)


@pytest.fixture(params=["memory", *OBSTORES])
def parts(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> AudienceParts:
    if request.param == "memory":
        return MemoryParts()
    return ObjectAudienceParts(open_object_store(obstore(request.param)), PREFIX)


def manifest(*pieces: Piece) -> PartsManifest:
    query = AudienceQuery(
        category="shirts", as_of=NOW, traffic=a_traffic(SaturatingScorer()), deadline_s=1.0
    )
    return PartsManifest(query=query, pieces=pieces, summary=AudienceSummary())


def read(parts: AudienceParts, part: Part) -> list[Member]:
    return [member for batch in parts.read(part) for member in batch]


@given(members=MEMBERS)
def test_what_was_written_is_what_is_read_bit_for_bit(members: list[Member]) -> None:
    parts = ObjectAudienceParts(MemoryObjectStore(), PREFIX)
    part = parts.write(members)
    assert part.rows == len(members)
    assert read(parts, part) == members


def test_members_come_in_the_order_they_were_written(parts: AudienceParts) -> None:
    members = [Member(f"c{n}", None if n % 3 == 0 else n / 100, Arm.CHALLENGER) for n in range(50)]
    assert read(parts, parts.write(members)) == members
    assert read(parts, parts.write([])) == []


def test_the_same_members_are_one_part_whoever_writes_them(parts: AudienceParts) -> None:
    members = [Member(f"c{n}", n / 100) for n in range(50)]
    with ThreadPoolExecutor(4) as threads:
        written = list(threads.map(parts.write, [members] * 8))
    assert len(set(written)) == 1
    assert parts.write(members[1:]) != written[0]
    assert read(parts, written[0]) == members


def test_a_manifest_is_committed_once(parts: AudienceParts) -> None:
    part = parts.write([Member("c", 0.5)])
    whole = manifest(Piece(Position(0), part, AudienceSummary(scored=1)))
    parts.commit(whole)
    with pytest.raises(StoreUnavailable) as caught:
        parts.commit(replace(whole, pieces=()))
    assert not caught.value.transient


def test_a_part_that_was_changed_is_refused() -> None:
    store = MemoryObjectStore()
    parts = ObjectAudienceParts(store, PREFIX)
    part = parts.write([Member("c", 0.5)])
    other = parts.write([Member("c", 0.6)])
    store._objects[PREFIX + part.name] = store.get(PREFIX + other.name)  # noqa: SLF001  # damage
    with pytest.raises(CorruptRecord, match=part.name):
        read(parts, part)


def test_nothing_of_an_audience_lies_outside_its_prefix() -> None:
    store = MemoryObjectStore()
    parts = ObjectAudienceParts(store, PREFIX)
    part = parts.write([Member("c", 0.5)])
    parts.commit(manifest(Piece(Position(0), part, AudienceSummary(scored=1))))
    assert store.keys("") == [PREFIX + MANIFEST, PREFIX + part.name]
