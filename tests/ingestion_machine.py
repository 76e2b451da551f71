"""Messages in any order, again and again, while calls get lost: whatever happens, the tables agree."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from adapters.feature_sets import built_in_sets
from api.queue import Consume
from domain.errors import StoreUnavailable
from domain.features import BaseRates, FeatureSet, Histories
from domain.purchases import Purchase, Refund, refunded_minor
from domain.recent import RecentHistory
from domain.retention import Retention
from domain.values import Window, day_of, instant
from domain.verification import VerifyRecent
from tests.builders import DAY, USD, raw_of, take_in
from tests.contracts.conftest import Store
from tests.doubles.memory import MemoryQueue
from tests.reference import row
from tests.strategies import CATEGORIES

T = TypeVar("T")
RETENTION = Retention.covering(Window.days(90))
CROWD = 18
"""More purchases than a day's set takes where an item has little room."""
FEATURES = [
    each.in_currency(USD).knowing(BaseRates(0.25, {CATEGORIES[0]: 0.5}))
    for each in built_in_sets().values()
]
Due = Sequence[tuple[FeatureSet, int, Sequence[float]]]
"""What each set of features is at an instant."""
_examples = count()
crashes = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.booleans()))
"""Which call of the store is the last, and whether it has an effect; None: all are answered."""


def assert_refunds_are_due(purchase: Purchase, sent: Collection[Refund]) -> None:
    """All of them, but for those that would have given back more than was paid."""
    left = purchase.amount_minor - refunded_minor(purchase.refunds)
    assert left >= 0
    assert set(purchase.refunds) <= set(sent)
    assert all(refund.amount_minor > left for refund in set(sent) - set(purchase.refunds))


class IngestionMachine(RuleBasedStateMachine):
    """`sent` is every payload of every id, `cancelled` the ids that a cancellation was sent for.

    `refunds` is what was sent for each id, by its own id.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        example = next(_examples)
        self.customers = [f"{example}-{name}" for name in "ab"]
        self.store, self.clock = store, store.clock
        self.queue, self.loop = MemoryQueue(), asyncio.new_event_loop()
        self.consume = Consume(
            take_in=take_in(
                store.recorder, canceller=store.canceller, refunder=store.refunder, clock=self.clock
            ),
            dead_letters=MemoryQueue(),
        )
        self.verify = VerifyRecent(
            history=store.history, recent=store.recent, clock=self.clock, feature_sets=FEATURES
        )
        self.sent: dict[tuple[str, str], list[Purchase]] = defaultdict(list)
        self.cancelled: set[tuple[str, str]] = set()
        self.refunds: dict[tuple[str, str], dict[str, Refund]] = defaultdict(dict)

    @contextmanager
    def crashing(self, crash: tuple[int, bool] | None) -> Iterator[None]:
        """Within, the call of this number is the last that is answered."""
        raise NotImplementedError

    @rule(
        who=st.integers(0, 1),
        number=st.integers(0, 9),
        age=st.one_of(st.integers(0, 3), st.integers(0, 91)).map(lambda days: days * DAY),
        category=st.sampled_from(CATEGORIES),
    )
    def buy(self, who: int, number: int, age: int, category: str) -> None:
        """A purchase, late or not; under a known id most often a conflict."""
        self._send(self._purchase(who, f"p{number}", self.clock.now - age, category))

    @rule(who=st.integers(0, 1), age=st.integers(0, 40))
    def crowd(self, who: int, age: int) -> None:
        """More purchases on one day than a set takes."""
        for number in range(CROWD):
            self._send(self._purchase(who, f"q{number}", self.clock.now - age * DAY, CATEGORIES[0]))

    @rule(choice=st.integers(0, 10**6))
    def again(self, choice: int) -> None:
        """A duplicate of something sent before."""
        if self.sent:
            payloads = list(self.sent.values())[choice % len(self.sent)]
            self._send(payloads[choice % len(payloads)])

    @rule(who=st.integers(0, 1), choice=st.integers(0, 10**6), early=st.booleans())
    def cancel(self, who: int, choice: int, *, early: bool) -> None:
        """A cancellation, whether its purchase came or not."""
        known = [key for key in self.sent if key not in self.cancelled]
        key = (self.customers[who], f"p{choice % 10}")
        if known and not early:
            key = known[choice % len(known)]
        self.cancelled.add(key)
        self._put({"cancelled": {"customer_id": key[0], "purchase_id": key[1]}})

    @rule(
        who=st.integers(0, 1),
        choice=st.integers(0, 10**6),
        amount=st.integers(1, 6),
        age=st.integers(0, 40),
        early=st.booleans(),
    )
    def refund(self, who: int, choice: int, amount: int, age: int, *, early: bool) -> None:
        """A refund, now or known again, of a purchase that came, or comes later, or never."""
        key = (self.customers[who], f"p{choice % 10}")
        if self.sent and not early:
            key = list(self.sent)[choice % len(self.sent)]
        refund_id = f"r{choice % 3}"
        known = self.refunds[key].get(refund_id)
        new = Refund(self.clock.now - age * DAY, refund_id, amount)
        refund = self.refunds[key].setdefault(refund_id, known or new)
        self._put(
            {
                "refunded": {
                    "customer_id": key[0],
                    "purchase_id": key[1],
                    "refund_id": refund_id,
                    "refunded_at": instant.render(refund.refunded_at),
                    "amount_minor": refund.amount_minor,
                    "currency": USD.code,
                }
            }
        )

    @rule(crash=crashes, workers=st.integers(1, 3))
    def deliver(self, crash: tuple[int, bool] | None, workers: int) -> None:
        """Ten messages to each worker, often the same; those that are not done with come again."""

        async def attempt() -> None:
            with self.crashing(crash):
                await asyncio.gather(*(self._deliver() for _ in range(workers)))

        self._await(attempt())

    @rule(crash=crashes, who=st.integers(0, 1))
    def rebuild(self, crash: tuple[int, bool] | None, who: int) -> None:
        """Begun, perhaps interrupted."""

        async def attempt() -> None:
            with self.crashing(crash):
                await self.store.rebuilder.rebuild(self.customers[who])

        try:
            self._await(attempt())
        except StoreUnavailable:
            assert crash is not None

    @rule(days=st.integers(1, 15))
    def wait(self, days: int) -> None:
        """Time passes."""
        self.clock.now += days * DAY

    def teardown(self) -> None:
        """Everything is delivered, and all that was derived is what the truth says."""
        try:
            self._await(self._check())
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())  # connections end by it
            self.loop.close()

    async def _check(self) -> None:
        while await self._deliver():
            pass
        for customer in self.customers:
            truth = await self.store.history.between(customer, after=0, until=self.clock.now + DAY)
            expected = {key for key in self.sent.keys() - self.cancelled if key[0] == customer}
            stored = {(customer, p.purchase_id) for p in truth}
            assert stored <= expected
            assert all(map(self._more_is_given_back, expected - stored))
            for purchase in truth:
                key = (customer, purchase.purchase_id)
                assert replace(purchase, refunds=()) in self.sent[key]
                assert_refunds_are_due(purchase, self.refunds[key].values())
            due = self._due(list(truth))
            before = await self._recent(customer, list(truth), due)
            assert await self.verify([customer]) == []
            await self.store.rebuilder.rebuild(customer)
            after = await self._recent(customer, list(truth), due)
            assert after.overflow_days <= before.overflow_days
            assert await self.verify([customer]) == []

    def _more_is_given_back(self, key: tuple[str, str]) -> bool:
        """Whether refunds that came first are more than every purchase that was sent."""
        most = max(purchase.amount_minor for purchase in self.sent[key])
        return refunded_minor(self.refunds[key].values()) > most

    def _due(self, truth: list[Purchase]) -> Due:
        """The reference's features, which are slow to compute and the same for every path."""
        asked = CATEGORIES[1]
        return [
            (features, as_of, row(features, truth, as_of, asked))
            for features in FEATURES
            for as_of in (self.clock.now, self.clock.now - DAY, self.clock.now - 3 * DAY)
        ]

    async def _recent(self, customer: str, truth: list[Purchase], due: Due) -> RecentHistory:
        """The recent purchases, once each feature of both paths was the reference's."""
        (recent,) = (await self.store.recent.read([customer])).histories
        kept = [p for p in truth if day_of(p.purchased_at) >= recent.complete_since]
        for day in {day_of(p.purchased_at) for p in kept} - recent.overflow_days:
            told = [p for p in recent.purchases if day_of(p.purchased_at) == day]
            assert told == [p for p in kept if day_of(p.purchased_at) == day]
        for features, as_of, expected in due:
            paths: list[Sequence[Purchase]] = [truth]
            if recent.answers(features.reach, as_of):
                paths.append(recent.reaching(features.reach))
            for path in paths:
                matrix = features.matrix(Histories.of([path]), as_of, target=CATEGORIES[1])
                assert matrix[0].tolist() == expected
        return recent

    async def _deliver(self) -> bool:
        messages = await self.queue.receive(wait_s=0, visibility_s=0)
        done = await self.consume(messages)
        await self.queue.delete(done)
        return bool(messages)

    def _purchase(self, who: int, name: str, at: int, category: str) -> Purchase:
        customer = self.customers[who]
        return Purchase(
            customer_id=customer,
            purchase_id=name,
            purchased_at=at,
            category=category,
            amount_minor=len(self.sent[customer, name]) * 100
            if (customer, name) in self.sent
            else 7,
        )

    def _send(self, purchase: Purchase) -> None:
        self.sent[purchase.customer_id, purchase.purchase_id].append(replace(purchase))
        self._put(raw_of(purchase))

    def _put(self, document: object) -> None:
        self._await(self.queue.send(json.dumps(document), reason=None, group=None))

    def _await(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)
