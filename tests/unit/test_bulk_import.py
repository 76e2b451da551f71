"""An import over several processes is the import of one, whoever is lost on the way."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.import_parts import ObjectImportParts, ObjectImportResults
from domain.cost import Cost
from domain.errors import CorruptRecord, Rejected, StoreUnavailable
from domain.pacing import Pacing
from domain.purchases import (
    Conventions,
    ImportManifest,
    ImportProgress,
    ImportPurchases,
    ImportSummary,
    Loaded,
    LoadPartition,
    LoadPartitions,
    Outcome,
    Partition,
    PartitionPurchases,
    RawRow,
    RefusedRow,
    RowKind,
    partitioning,
)
from domain.purchases.loading import MOST_FAILURES
from domain.purchases.partitioning import partition_of, partitions_for
from domain.spreading import MOST_TRIES, Workers
from tests.builders import raw_purchase, take_in
from tests.doubles.memory import MemoryObjectStore, MemorySeenIds
from tests.doubles.spread import ThreadWorkers, Unreliable
from tests.doubles.store import Call, ReferenceStore
from tests.strategies import junk_purchases

CONVENTIONS = Conventions(default_currency=True, refunds_matched=True, ids_as_written=True)
PARTITIONS = 4
Row = tuple[RowKind, Mapping[str, object] | None]


@dataclass(frozen=True)
class Rows:
    """A PurchaseSource of rows of every kind."""

    sent: Sequence[Row]

    @property
    def total(self) -> int:
        return len(self.sent)

    def rows(self) -> Iterator[RawRow]:
        for number, (kind, raw) in enumerate(self.sent, start=1):
            problem = "has no columns" if raw is None else None
            text = "\ud800 half a letter" if raw is None else None
            yield RawRow(
                number=number, raw=raw, problem=problem, text=text, progress=number, kind=kind
            )


def importing(store: ReferenceStore) -> ImportPurchases:
    """The import on this store, all rows of a call at once, as a partition has them."""
    intake = take_in(store, canceller=store, refunder=store, history=store, stops_at_silence=True)
    return ImportPurchases(take_in=intake, seen=MemorySeenIds, rows_at_once=10_000)


def document(refused: RefusedRow) -> str:
    """A refused row as it comes to the file of refused rows."""
    row = refused.row
    told = [row.number, refused.outcome, refused.field, refused.reason, row.raw, row.text]
    return json.dumps(told, default=str)


@dataclass
class Place:
    """Where the parts of one import lie."""

    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)

    def __post_init__(self) -> None:
        self.parts = ObjectImportParts(self.objects)
        self.results = ObjectImportResults(self.objects)

    def manifest(self, sent: Sequence[Row]) -> ImportManifest:
        """Few rows in several partitions, which the sizes of real ones would not give them."""
        placed = ((partition_of(row, PARTITIONS), row) for row in Rows(sent).rows())
        return ImportManifest(of={}, partitions=self.parts.write(placed, PARTITIONS))

    def loader(self, store: ReferenceStore) -> Callable[[Partition], Loaded]:
        """Loads a partition as a worker does."""
        load = LoadPartition(
            import_purchases=importing(store),
            parts=self.parts,
            results=self.results,
            conventions=CONVENTIONS,
        )

        async def loaded(partition: Partition) -> Loaded:
            return await load(partition)

        return lambda partition: asyncio.run(loaded(partition))

    def refused(self, summary: ImportSummary) -> list[str]:
        return [document(each) for each in self.results.refused(summary.refused)]


async def no_pause(_: float) -> None:
    """Tests wait for nobody."""


def load(
    function: Callable[[Partition], Loaded],
    manifest: ImportManifest,
    workers: Workers,
    told: list[ImportProgress] | None = None,
) -> ImportSummary:
    counted = Counter[Outcome]()
    service = LoadPartitions(
        load=function, workers=workers, pacing=Pacing(pause=no_pause), counted=counted.update
    )
    on_progress = (told if told is not None else []).append
    summary = asyncio.run(service(manifest, on_progress=on_progress))
    assert counted == summary.counts
    return summary


def imported_alone(
    store: ReferenceStore, sent: Sequence[Row]
) -> tuple[Counter[Outcome], list[str]]:
    refused: list[RefusedRow] = []
    counts = asyncio.run(
        importing(store)(
            Rows(sent),
            conventions=CONVENTIONS,
            on_refused=refused.append,
            on_progress=lambda _: None,
        )
    )
    return counts, [document(each) for each in sorted(refused, key=lambda each: each.row.number)]


def content(store: ReferenceStore) -> tuple[object, ...]:
    return (
        {
            key: replace(each, refunds=tuple(sorted(each.refunds)))
            for key, each in store.purchases.items()
        },
        store.cancelled.keys(),
        {key: sorted(refunds) for key, refunds in store.waiting.items()},
    )


customers = st.sampled_from(["c1", "c2", "c3", "Zo\u00eb", "Zoe\u0308", "c\ud800", "nan", ""])
ids = st.sampled_from(["1", "2", "1 2", "2 1"])
amounts = st.sampled_from([50, 51, Decimal("0.50"), Decimal("1e2"), 2**70, "1", None])


def purchase(customer: object, purchase_id: str, amount: object) -> Row:
    name = "amount" if isinstance(amount, Decimal) else "amount_minor"
    raw = raw_purchase(customer_id=customer, purchase_id=purchase_id)
    raw.pop("amount_minor")
    return RowKind.PURCHASE, raw | {name: amount}


def credit_note(customer: str, refund_id: str, refund_of: str | None, amount: int) -> Row:
    raw = raw_purchase(customer_id=customer, purchase_id=refund_id, amount_minor=-amount)
    return RowKind.PURCHASE, raw | ({} if refund_of is None else {"refund_of": refund_of})


def refund(customer: str, refund_id: str, purchase_id: str, amount: int) -> Row:
    raw = raw_purchase(customer_id=customer, purchase_id=purchase_id, amount_minor=amount)
    raw["refunded_at"] = raw.pop("purchased_at")
    raw.pop("category")
    return RowKind.REFUND, raw | {"refund_id": refund_id}


def cancellation(customer: str, purchase_id: str) -> Row:
    return RowKind.CANCELLATION, {"customer_id": customer, "purchase_id": purchase_id}


few = st.integers(1, 3)
purchases = st.builds(purchase, customers | st.sampled_from([7, None, ["c1"]]), ids, amounts)
credit_notes = st.builds(credit_note, customers, ids, st.none() | ids, few)
refunds = st.builds(refund, customers, ids, ids, few)
cancellations = st.builds(cancellation, customers, ids)
unusual = st.tuples(st.sampled_from(RowKind), st.none() | junk_purchases)
any_rows = st.lists(
    purchases | purchases | credit_notes | refunds | cancellations | unusual, max_size=14
)


@given(any_rows, any_rows)
def test_the_outcomes_the_refused_rows_and_the_store_are_those_of_an_ordinary_import(
    before: list[Row], sent: list[Row]
) -> None:
    alone, spread, place = ReferenceStore(), ReferenceStore(), Place()
    for store in (alone, spread):
        imported_alone(store, before)
    counts, refused = imported_alone(alone, sent)
    told: list[ImportProgress] = []
    summary = load(place.loader(spread), place.manifest(sent), ThreadWorkers(1), told)
    assert (summary.counts, place.refused(summary)) == (counts, refused)
    assert content(spread) == content(alone)
    assert (summary.unfinished, summary.partitions) == ([], PARTITIONS)
    assert told[-1] == ImportProgress(rows=len(sent), progress=len(sent))


def some_rows(dice: random.Random) -> list[Row]:
    """Rows of which each purchase is larger than all its refunds."""
    rows: list[Row] = []
    for _ in range(dice.randrange(60)):
        customer, one = f"c{dice.randrange(4)}", str(dice.randrange(2))
        other = dice.choice(["0", "1", None])
        rows.append(
            dice.choice(
                [
                    purchase(customer, one, 50_000),
                    purchase(customer, one, 50_000 + dice.randrange(2)),
                    purchase(customer, one, "much"),
                    credit_note(customer, one, other, dice.choice([1, 1, 2])),
                    (RowKind.PURCHASE, None),
                ]
            )
        )
    return rows


def at_times(dice: random.Random, share: float) -> Callable[[Call], None]:
    def trouble(_: Call) -> None:
        if dice.random() < share:
            raise StoreUnavailable("throttled")

    return trouble


def run_scenario(seed: int) -> bool:
    """Bad workers and a bad store; whether everything was imported all the same."""
    dice = random.Random(seed)
    sent, place = some_rows(dice), Place()
    alone, spread = ReferenceStore(), ReferenceStore()
    counts, refused = imported_alone(alone, sent)
    manifest = place.manifest(sent)
    spread.refuse = at_times(dice, dice.choice([0.0, 0.02, 0.2]))
    spread.lose = at_times(dice, dice.choice([0.0, 0.02]))
    workers = Unreliable(seed, dice.choice([0.0, 0.05, 0.3, 0.5]))
    summary = load(place.loader(spread), manifest, workers)
    rows = sum(partition.rows for partition in summary.unfinished)
    assert summary.counts.total() + rows == len(sent)
    assert summary.partitions + len(summary.unfinished) == PARTITIONS
    if whole := not summary.unfinished:
        assert content(spread) == content(alone)
        assert place.refused(summary) == refused
        # What a lost attempt recorded is a duplicate for the next one.
        known = (Outcome.RECORDED, Outcome.DUPLICATE)
        assert sum(summary.counts[each] for each in known) == sum(counts[each] for each in known)
        assert summary.counts[Outcome.RECORDED] <= counts[Outcome.RECORDED]
    else:
        assert summary.trouble
        assert set(place.refused(summary)) <= set(refused)
    return whole


@pytest.mark.full
def test_whoever_is_lost_every_row_has_its_outcome_once_and_refusals_stay_what_they_are() -> None:
    whole = [run_scenario(seed) for seed in range(200)]
    assert 20 < sum(whole) < 190  # both kinds of days were met


def test_an_import_goes_on_where_it_stopped_and_counts_what_was_done() -> None:
    dice = random.Random(5)
    sent = [row for _ in range(5) for row in some_rows(dice)]
    alone, store, place = ReferenceStore(), ReferenceStore(), Place()
    counts, refused = imported_alone(alone, sent)
    manifest, done = place.manifest(sent), 0

    def fails(partition: Partition) -> Loaded:
        if partition.number == 2:
            raise StoreUnavailable("no answer")
        return place.loader(store)(partition)

    stopped = load(fails, manifest, ThreadWorkers(1))
    assert [each.number for each in stopped.unfinished] == [2]
    assert stopped.trouble == "no answer"
    done = len(store.calls)
    finished = load(place.loader(store), manifest, ThreadWorkers(1))
    assert (finished.unfinished, finished.earlier) == ([], PARTITIONS - 1)
    assert {name for call in store.calls[done:] for name in call.customers} <= {
        str((row.raw or {}).get("customer_id")) for row in place.parts.read(manifest.partitions[2])
    }
    assert (finished.counts, place.refused(finished)) == (counts, refused)
    assert content(store) == content(alone)
    again = load(place.loader(store), manifest, ThreadWorkers(1))
    assert (again.counts, again.earlier) == (counts, PARTITIONS)


def test_where_the_store_is_silent_no_further_partition_is_begun() -> None:
    store, place = ReferenceStore(), Place()
    rows = [purchase(f"c{n}", "1", 5) for n in range(100)]
    placed = ((row.number % 50, row) for row in Rows(rows).rows())
    manifest = ImportManifest(of={}, partitions=place.parts.write(placed, 50))
    store.refuse = at_times(random.Random(1), 1.0)
    begun: list[int] = []

    def loaded(partition: Partition) -> Loaded:
        begun.append(partition.number)
        return place.loader(store)(partition)

    summary = load(loaded, manifest, ThreadWorkers(1))
    assert (len(summary.unfinished), summary.counts.total()) == (50, 0)
    assert MOST_FAILURES < len(begun) < 2 * MOST_FAILURES + 2


def test_a_partition_that_kills_whoever_loads_it_is_named_and_the_others_are_loaded() -> None:
    store, place = ReferenceStore(), Place()
    manifest = place.manifest([purchase(f"c{n}", "1", 5) for n in range(40)])
    tried = 0

    def deadly(partition: Partition) -> Loaded:
        nonlocal tried
        if partition.number == 1:
            tried += 1
            raise Unreliable.lost[0]("out of memory")
        return place.loader(store)(partition)

    summary = load(deadly, manifest, ThreadWorkers(1))
    assert tried == MOST_TRIES + 1
    assert [each.number for each in summary.unfinished] == [1]
    assert summary.counts.total() == 40 - manifest.partitions[1].rows == len(store.purchases)


class Fragile(ThreadWorkers):
    """Workers of which one that dies takes all calls along that run at that time."""

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """As many threads."""
        with super().open() as threads:
            yield _Fragile(threads)


class _Fragile(Executor):
    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._broken = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        if self._broken:
            raise BrokenExecutor("the pool is gone")
        return self._threads.submit(self._run, fn, *args)

    def _run(self, fn: Callable[..., Any], *args: Any) -> Any:
        try:
            found = fn(*args)
        except BrokenExecutor:
            self._broken = True
            raise
        if self._broken:
            raise BrokenExecutor("the pool is gone")
        return found


def test_a_partition_that_takes_others_along_is_in_the_end_loaded_alone() -> None:
    store, place = ReferenceStore(), Place()
    manifest = place.manifest([purchase(f"c{n}", "1", 5) for n in range(40)])
    died = threading.Event()

    def deadly(partition: Partition) -> Loaded:
        if partition.number == 1:
            died.set()
            raise BrokenExecutor("out of memory")
        loaded = place.loader(store)(partition)
        died.wait(0.05)  # who runs beside the deadly one is not done before it
        died.clear()
        return loaded

    summary = load(deadly, manifest, Fragile(4))
    assert [each.number for each in summary.unfinished] == [1]
    assert summary.partitions == PARTITIONS - 1


@pytest.mark.parametrize(
    "error", [CorruptRecord("no purchase"), StoreUnavailable("no permission", transient=False)]
)
def test_what_trying_again_cannot_mend_ends_it_at_once(error: Exception) -> None:
    store, place = ReferenceStore(), Place()
    manifest = place.manifest([purchase(f"c{n}", "1", 5) for n in range(40)])

    def refuse(_: Call) -> None:
        raise error

    store.refuse = refuse
    with pytest.raises(type(error), match=str(error)):
        load(place.loader(store), manifest, ThreadWorkers(1))


def test_where_the_store_refuses_much_fewer_partitions_are_loaded_at_once() -> None:
    under_way: Counter[str] = Counter()
    busiest: list[int] = []

    def refused(partition: Partition) -> Loaded:
        busiest.append(under_way.total())
        return Loaded(counts={}, cost=Cost(round_trips=10, refusals=partition.number % 2))

    partitions = [Partition(number=2 * n + 1, rows=0, chunks=()) for n in range(40)]
    spread: list[int] = []

    class Watched(ThreadWorkers):
        """Counts what runs when a call is answered."""

    def told(_: ImportProgress) -> None:
        spread.append(len(busiest))

    service = LoadPartitions(load=refused, workers=Watched(4), pacing=Pacing(pause=no_pause))
    asyncio.run(service(ImportManifest(of={}, partitions=partitions), on_progress=told))
    # Each answer is followed by at most one call more.
    assert [later - one for one, later in zip(spread[-20:], spread[-19:], strict=False)] == [1] * 19


def test_all_rows_of_a_customer_are_in_one_partition_however_the_name_is_composed() -> None:
    rows = [
        RawRow(number=n, raw={"customer_id": name}, progress=n)
        for n, name in enumerate(["Zo\u00eb", "Zoe\u0308", "c\ud800", "c\ud800"])
    ]
    found = [partition_of(row, 1_000) for row in rows]
    assert (found[0], found[2]) == (found[1], found[3])
    spread = Counter(
        partition_of(RawRow(number=1, raw={"customer_id": f"c{n}"}, progress=1), 10)
        for n in range(10_000)
    )
    assert min(spread.values()) > 800


def test_a_partition_is_small_whatever_the_number_of_rows() -> None:
    for rows in (0, 1, 1_000, 64_000, 10**6, 10**7, 10**8, 10**9):
        assert rows / partitions_for(rows) <= partitioning.ROWS_EACH
    assert (partitions_for(10**8), partitions_for(10**6), partitions_for(5)) == (1_000, 64, 1)


@dataclass(frozen=True)
class Bytes(Rows):
    """Counts progress in units of its own."""

    @property
    def total(self) -> int:
        return super().total * 70

    def rows(self) -> Iterator[RawRow]:
        for row in super().rows():
            yield replace(row, progress=row.number * 70)


def test_a_sample_of_the_rows_tells_how_many_partitions_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitioning, "SAMPLED_ROWS", 10)
    monkeypatch.setattr(partitioning, "LEAST_ROWS_EACH", 7)
    source = Bytes([purchase(f"c{n}", "1", 5) for n in range(100)])
    told: list[ImportProgress] = []
    manifest = PartitionPurchases(parts=Place().parts)(source, of={}, on_progress=told.append)
    assert len(manifest.partitions) == 15
    assert manifest.rows == 100
    assert told[-1] == ImportProgress(rows=100, progress=7_000)


def test_a_second_run_finds_the_partitions_and_one_of_something_else_is_refused() -> None:
    place, nothing = Place(), Rows([])
    partition = PartitionPurchases(parts=place.parts)
    source = Rows([purchase(f"c{n}", "1", 5) for n in range(10)])
    of = {"FILE": "abc", "--kind": "purchases"}
    first = partition(source, of=of, on_progress=lambda _: None)
    assert partition(nothing, of=of, on_progress=lambda _: None) == first
    with pytest.raises(Rejected) as caught:
        partition(nothing, of=of | {"FILE": "abd"}, on_progress=lambda _: None)
    assert caught.value.field == "--parts"
    assert "FILE" in caught.value.reason
    assert "--kind" not in caught.value.reason
    with pytest.raises(Rejected, match="table"):
        partition(nothing, of=of | {"table": "1"}, on_progress=lambda _: None)


def test_all_purchases_of_a_customer_share_a_transaction_wherever_they_stand() -> None:
    store, place = ReferenceStore(), Place()
    rows = [purchase(f"c{n % 10}", str(n), 5) for n in range(100)]
    load(place.loader(store), place.manifest(rows), ThreadWorkers(1))
    assert [len(recorded) for recorded in store.recorded] == [10] * 10
