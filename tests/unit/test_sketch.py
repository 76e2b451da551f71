"""Counts of distinct customers from their smallest hashes."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.categories.sketch import KEPT, Sketch, hash_of, surplus

ids = st.lists(st.text(max_size=8), max_size=40)


def sketch_of(*customers: str) -> Sketch:
    return Sketch.of(map(hash_of, customers))


@given(customers=ids, data=st.data())
def test_neither_order_nor_duplicates_matter(customers: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*customers, *customers[:5]]))
    assert sketch_of(*shuffled).smallest == sketch_of(*customers).smallest


@given(customers=st.sets(st.integers(), max_size=KEPT - 1))
def test_fewer_customers_than_are_kept_are_counted_exactly(customers: set[int]) -> None:
    assert sketch_of(*map(str, customers)).customers == len(customers)


@pytest.mark.parametrize("customers", [KEPT, 10_000, 100_000])
@pytest.mark.parametrize("prefix", ["customer-", "", "x" * 50])
def test_many_customers_are_counted_within_four_standard_errors(
    customers: int, prefix: str
) -> None:
    count = sketch_of(*(f"{prefix}{number}" for number in range(customers))).customers
    assert count == pytest.approx(customers, rel=4 / (KEPT - 2) ** 0.5)


@given(mine=ids, yours=ids)
def test_the_sketches_of_two_writers_merge_into_the_sketch_of_one(
    mine: list[str], yours: list[str]
) -> None:
    merged = Sketch.of(chain(sketch_of(*mine).smallest, sketch_of(*yours).smallest))
    assert merged.smallest == sketch_of(*mine, *yours).smallest


def test_large_sketches_merge_alike() -> None:
    mine = [f"customer-{number}" for number in range(3_000)]
    yours = [f"customer-{number}" for number in range(2_000, 9_000)]
    merged = Sketch.of(chain(sketch_of(*mine).smallest, sketch_of(*yours).smallest))
    assert merged.smallest == sketch_of(*mine, *yours).smallest


@given(numbers=st.sets(st.integers(0, 2**64 - 1), max_size=20), number=st.integers(0, 2**64 - 1))
def test_a_sketch_that_is_not_full_lacks_what_it_has_not_seen(
    numbers: set[int], number: int
) -> None:
    assert Sketch.of(numbers).lacks(number) == (number not in numbers)
    assert not Sketch.of({*numbers, number}).lacks(number)


@given(number=st.integers(0, 4 * KEPT))
def test_a_full_sketch_lacks_exactly_what_would_change_it(number: int) -> None:
    numbers = range(1, 4 * KEPT, 2)
    sketch = Sketch.of(numbers)
    changed = Sketch.of([*numbers, number])
    assert sketch.lacks(number) == (changed.smallest != sketch.smallest)


def test_writes_become_rare() -> None:
    sketch, writes = Sketch.of(()), 0
    for customer in range(20_000):
        number = hash_of(f"customer-{customer}")
        if sketch.lacks(number):
            sketch, writes = Sketch.of([*sketch.smallest, number]), writes + 1
    assert writes < 1_800  # about 256 + 256 ln(20,000 / 256)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 150), st.booleans()), min_size=4, max_size=40
    )
)
def test_no_interleaving_of_writers_loses_a_smallest_hash(
    steps: list[tuple[int, int, bool]],
) -> None:
    """Each step: a writer adds customers, or carries out the deletion it saw fit long ago."""
    stored: set[int] = set()
    added: set[int] = set()
    known: dict[int, Sketch] = {}
    late: dict[int, list[int]] = {}
    for writer, customers, deletes in steps:
        if deletes:
            stored.difference_update(late.pop(writer, ()))
            continue
        for _ in range(customers):
            number = hash_of(str(len(added)))
            added.add(number)
            if writer not in known or known[writer].lacks(number):
                stored.add(number)
                known[writer] = Sketch.of(stored)
                late[writer] = surplus(stored) or late.get(writer, [])
    assert Sketch.of(stored).smallest == Sketch.of(added).smallest


def test_a_stored_set_is_cut_once_it_is_twice_as_large_as_it_need_be() -> None:
    numbers = range(2 * KEPT + 1)
    assert surplus(set(numbers[:-1])) == []
    assert surplus(set(numbers)) == list(numbers[KEPT:])
