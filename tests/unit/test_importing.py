import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.seen_ids import TemporarySeenIds
from domain.errors import PartlyRecorded
from domain.purchases import (
    Conventions,
    ImportProgress,
    ImportPurchases,
    Outcome,
    Purchase,
    PurchaseSource,
    RawRow,
    RefusedRow,
)
from tests.builders import NOW, raw_purchase, take_in
from tests.doubles.store import ReferenceStore, no_trouble, silent_store
from tests.fakes import FakeSource
from tests.strategies import junk_purchases


@dataclass
class Import:
    """One import, a few rows at a time, and all that it told."""

    rows_at_once: int = 3
    refused: list[RefusedRow] = field(default_factory=list)
    told: list[tuple[int, int]] = field(default_factory=list)
    counted: list[Counter[Outcome]] = field(default_factory=list)

    def run(
        self,
        recorder: ReferenceStore,
        rows: Iterable[Mapping[str, object] | None],
        *,
        source: PurchaseSource | None = None,
    ) -> Counter[Outcome]:
        return asyncio.run(
            ImportPurchases(
                seen=TemporarySeenIds,
                take_in=take_in(recorder, refunder=recorder, history=recorder),
                rows_at_once=self.rows_at_once,
                counted=lambda rows: self.counted.append(Counter(rows)),
            )(
                source or FakeSource(rows),
                conventions=Conventions(default_currency=True, refunds_matched=True),
                on_refused=self.refused.append,
                on_progress=self._on_progress,
            )
        )

    def _on_progress(self, state: ImportProgress) -> None:
        self.told.append((state.progress, state.rows))


def rows(count: int) -> list[dict[str, object]]:
    return [raw_purchase(purchase_id=f"purchase-{number}") for number in range(count)]


def test_every_row_of_a_long_source_is_recorded() -> None:
    recorder, imported = ReferenceStore(), Import()
    assert imported.run(recorder, rows(7)) == Counter({Outcome.RECORDED: 7})
    assert len(recorder.purchases) == 7
    assert list(dict.fromkeys(imported.told)) == [(3, 3), (6, 6), (7, 7)]
    assert imported.refused == []


def test_rows_are_counted_as_the_report_counts_them() -> None:
    imported = Import()
    counts = imported.run(ReferenceStore(), [*rows(7), rows(1)[0], {"customer_id": ""}])
    assert counts == {Outcome.RECORDED: 7, Outcome.REJECTED: 2}
    assert sum(imported.counted, Counter()) == counts
    assert [counted.total() for counted in imported.counted] == [3, 3, 3]


def test_importing_twice_equals_importing_once() -> None:
    recorder = ReferenceStore()
    Import().run(recorder, rows(7))
    stored = dict(recorder.purchases)
    assert Import().run(recorder, rows(7)) == Counter({Outcome.DUPLICATE: 7})
    assert recorder.purchases == stored


def test_an_empty_source_imports_nothing() -> None:
    assert Import().run(ReferenceStore(), []).total() == 0


def test_rows_that_were_not_recorded_are_told_with_their_reason() -> None:
    first, second, third, fourth = rows(4)
    sent = [first, None, second | {"amount_minor": 1.5}, first | {"amount_minor": 1}, third, fourth]
    imported = Import()
    counts = imported.run(ReferenceStore(), sent)
    assert counts == Counter({Outcome.RECORDED: 3, Outcome.REJECTED: 2, Outcome.CONFLICT: 1})
    told = [(each.row.number, each.outcome, each.field) for each in imported.refused]
    assert told == [
        (2, Outcome.REJECTED, "row"),
        (3, Outcome.REJECTED, "amount_minor"),
        (4, Outcome.CONFLICT, "purchase_id"),
    ]
    assert imported.refused[0].reason == "has no columns"  # the source's own
    assert all(each.reason for each in imported.refused)


def test_refused_rows_are_told_in_the_order_of_the_source() -> None:
    bad = raw_purchase(amount_minor="1")
    imported = Import()
    imported.run(ReferenceStore(), [bad, None, raw_purchase(), None, bad, None, bad, None])
    assert [each.row.number for each in imported.refused] == [1, 2, 4, 5, 6, 7, 8]


def test_progress_is_a_moment_that_stays_as_it_was_told() -> None:
    told: list[ImportProgress] = []
    source = FakeSource([None])
    asyncio.run(
        ImportPurchases(seen=TemporarySeenIds, take_in=take_in(ReferenceStore()))(
            source,
            conventions=Conventions(default_currency=True),
            on_refused=lambda _: None,
            on_progress=told.append,
        )
    )
    assert told == [ImportProgress(rows=1, progress=1)]
    with pytest.raises(FrozenInstanceError):
        told[0].rows = 4  # type: ignore[misc]  # frozen is the point


def test_a_row_without_currency_counts_in_the_deployments_own() -> None:
    assert Import().run(ReferenceStore(), [raw_purchase(currency=None)]) == Counter(
        {Outcome.RECORDED: 1}
    )


def test_progress_moves_with_every_customer_of_a_chunk() -> None:
    sent = [raw_purchase(customer_id=f"customer-{number}") for number in range(4)]
    imported = Import(rows_at_once=100)
    imported.run(ReferenceStore(), [None, *sent])
    assert list(dict.fromkeys(imported.told)) == [(n, n) for n in (2, 3, 4, 5)]


class Bytes(FakeSource):
    """Counts progress in units of its own, some of them before the first row."""

    @property
    def total(self) -> int:
        return 100 + super().total * 7

    def rows(self) -> Iterator[RawRow]:
        for row in super().rows():
            yield replace(row, progress=100 + row.number * 7)


few_rows = st.lists(
    st.one_of(
        st.none(),
        junk_purchases,
        st.builds(
            raw_purchase,
            customer_id=st.sampled_from(["customer-1", "customer-2"]),
            purchase_id=st.sampled_from(["1", "2", "3"]),
            amount_minor=st.integers(-1, 2),
        ),
    ),
    max_size=9,
)


@given(few_rows)
def test_importing_any_rows_twice_leaves_what_once_leaves_and_gives_every_row_one_outcome(
    sent: list[Mapping[str, object] | None],
) -> None:
    stored = ReferenceStore()
    left: list[list[Sequence[Purchase]]] = []
    for _ in range(2):
        imported = Import()
        counts = imported.run(stored, sent, source=Bytes(sent))
        left.append(asyncio.run(all_of(stored)))
        assert counts.total() == len(sent)
        assert len(imported.refused) == counts[Outcome.REJECTED] + counts[Outcome.CONFLICT]
        assert imported.told == sorted(imported.told)
        assert [told for told, _ in imported.told[-1:]] == [Bytes(sent).total] * bool(sent)
    assert left[0] == left[1]


async def all_of(stored: ReferenceStore) -> list[Sequence[Purchase]]:
    customers = ["customer-1", "customer-2"]
    return [await stored.between(customer, after=-1, until=NOW) for customer in customers]


def test_an_interrupted_import_may_simply_run_again() -> None:
    recorder = silent_store("customer-2")
    sent = [*rows(3), raw_purchase(customer_id="customer-2"), *rows(5)[3:]]
    interrupted = Import()
    with pytest.raises(PartlyRecorded):
        interrupted.run(recorder, sent)
    assert interrupted.told[-1] == (5, 5)  # the customer who was answered
    recorder.refuse = no_trouble
    counts = Import().run(recorder, sent)
    assert counts == Counter({Outcome.RECORDED: 1, Outcome.DUPLICATE: 5})
    assert len(recorder.purchases) == 6


def test_an_import_that_runs_again_refuses_nothing_that_it_recorded_before() -> None:
    bought = raw_purchase(purchase_id="1", amount_minor=500)
    other = raw_purchase(purchase_id="1 2", amount_minor=500)
    back = {"customer_id": bought["customer_id"], "purchased_at": bought["purchased_at"]}
    sent: list[Mapping[str, object] | None] = [
        bought,
        other,
        # A credit note with the id of the purchase, and two that share one.
        back | {"purchase_id": "1", "refund_of": "1", "amount_minor": -1},
        back | {"purchase_id": "3", "refund_of": "1", "amount_minor": -1},
        back | {"purchase_id": "3", "refund_of": "1 2", "amount_minor": -1},
    ]
    stored, first, again = ReferenceStore(), Import(), Import()
    assert first.run(stored, sent) == Counter({Outcome.RECORDED: 5})
    assert again.run(stored, sent) == Counter({Outcome.DUPLICATE: 5})
    assert again.refused == []
