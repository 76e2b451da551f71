"""The two read paths give the same features, bit for bit, for every history and every as_of."""

import uuid
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.schema.attributes import day_capacity
from domain.features import TARGET, Aggregation, Feature, FeatureSet, Histories
from domain.features.aggregation import KEPT_FOR_EVER
from domain.recent import RecentFirst, SharedReads
from domain.values import BEGINNING, MICROS_PER_DAY, Currency, Reach, Window, day_of
from tests.builders import NOW, OF_PURCHASES, a_purchase
from tests.contracts.conftest import RETENTION, dynamo_store, recent_of
from tests.profiles import examples

pytestmark = pytest.mark.anyio

CAPACITY = day_capacity(RETENTION.days)
FEATURES = FeatureSet(
    tuple(
        Feature(kind, Window.days(days), category)
        for kind in OF_PURCHASES
        for days in (1, 30)
        for category in (None, "c1")
    ),
    Currency.of("USD"),
)
LIFETIME = FeatureSet(
    (
        *(Feature(kind, None) for kind in sorted(KEPT_FOR_EVER)),
        *(Feature(Aggregation.PURCHASE_COUNT, None, of) for of in ("c1", TARGET)),
        Feature(Aggregation.ACTIVE_DAYS, Window.days(30), TARGET),
    ),
    Currency.of("USD"),
)
near_edges = st.builds(
    lambda days, micros: days * MICROS_PER_DAY + micros, st.integers(-1, 40), st.integers(-2, 2)
)
ages = st.one_of(near_edges, st.integers(0, 40 * MICROS_PER_DAY))


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(st.tuples(ages, st.integers(0, 3), st.integers(0, 10**6)), max_size=25),
    crowds=st.lists(
        st.tuples(st.integers(0, 32), st.integers(CAPACITY - 2, CAPACITY + 20)), max_size=1
    ),
    as_of_ages=st.lists(st.integers(0, 2 * MICROS_PER_DAY), min_size=1, max_size=3),
)
@example(arrivals=[], crowds=[(5, CAPACITY)], as_of_ages=[0])
@example(arrivals=[(7, 0, 1)], crowds=[(5, CAPACITY + 1)], as_of_ages=[0])
@example(arrivals=[], crowds=[(31, CAPACITY + 1)], as_of_ages=[0, MICROS_PER_DAY])
async def test_recent_purchases_and_the_index_by_time_agree(
    client: DynamoClient,
    arrivals: list[tuple[int, int, int]],
    crowds: list[tuple[int, int]],
    as_of_ages: list[int],
) -> None:
    customer = str(uuid.uuid4())  # every example starts with an empty history
    store = dynamo_store(client)
    either = RecentFirst(recent=SharedReads(store.recent), by_time=store.history)
    sold: Counter[int] = Counter()
    delays = [delay for _, delay, _ in arrivals]
    for number, (age, _, amount) in enumerate(arrivals):
        # Earlier arrivals were written on earlier days: later ones prune what got too old.
        store.clock.now = NOW - sum(delays[number:]) * MICROS_PER_DAY
        arrival = a_purchase(
            customer_id=customer,
            purchase_id=f"p{number}",
            purchased_at=NOW - age,
            category=f"c{amount % 3}",
            amount_minor=amount,
        )
        await store.recorder.record([arrival])
        sold[day_of(arrival.purchased_at)] += 1
    store.clock.now = NOW
    for days, size in crowds:
        crowd = [
            a_purchase(
                customer_id=customer,
                purchase_id=f"crowd-{number}",
                purchased_at=NOW - days * MICROS_PER_DAY + number,
                category=f"c{number % 3}",
            )
            for number in range(size)
        ]
        for some in (crowd[:20], crowd[20:]):
            await store.recorder.record(some)
        sold[day_of(crowd[0].purchased_at)] += size
    crowded = {day for day, count in sold.items() if count > CAPACITY}
    (recent,) = await recent_of(store, customer)
    reach = FEATURES.reach
    window = reach.window
    for as_of in (NOW - age for age in as_of_ages):
        spoilt = any(day_of(window.after(as_of) + 1) <= day <= day_of(as_of) for day in crowded)
        assert recent.answers(Reach(window), as_of) == (
            as_of >= recent_limit(window) and not spoilt
        )
        truth = await store.history.between(customer, after=window.after(as_of), until=as_of)
        told = await either(customer, reach, as_of, 0)
        by_time = FEATURES.matrix(Histories.of([truth]), as_of)
        assert FEATURES.matrix(Histories.of([told]), as_of).tobytes() == by_time.tobytes()
        if recent.answers(Reach(window), as_of):
            by_item = FEATURES.matrix(Histories.of([recent.purchases]), as_of)
            assert by_time.tobytes() == by_item.tobytes()
        everything = await store.history.between(customer, after=BEGINNING, until=NOW + 1)
        for target in ("c0", "c2"):
            whole = LIFETIME.matrix(Histories.of([everything]), as_of, target=target)
            read = await either(customer, LIFETIME.reach, as_of, 1)
            assert (
                whole.tobytes()
                == LIFETIME.matrix(Histories.of([read]), as_of, target=target).tobytes()
            )
        if as_of == NOW:
            assert recent.answers(LIFETIME.reach, as_of) == (not spoilt)


def recent_limit(window: Window) -> int:
    """The oldest as_of that the recent purchases answer at NOW."""
    oldest_day = NOW // MICROS_PER_DAY - (window.length_us // MICROS_PER_DAY + 2) + 1
    return oldest_day * MICROS_PER_DAY + window.length_us - 1
