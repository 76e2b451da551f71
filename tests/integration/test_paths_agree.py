"""The two read paths give the same features, bit for bit, for every history and every as_of."""

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.dynamodb.client import DynamoClient
from domain.features import Aggregation, Feature, FeatureSet
from domain.history import Histories
from domain.instant import MICROS_PER_DAY
from domain.money import Currency
from domain.window import Window
from tests.builders import NOW, a_purchase
from tests.contracts.conftest import dynamo_store

pytestmark = pytest.mark.anyio

FEATURES = FeatureSet(
    tuple(Feature(kind, Window.days(days)) for kind in Aggregation for days in (1, 30)),
    Currency.of("USD"),
)
near_edges = st.builds(
    lambda days, micros: days * MICROS_PER_DAY + micros, st.integers(-1, 40), st.integers(-2, 2)
)
ages = st.one_of(near_edges, st.integers(0, 40 * MICROS_PER_DAY))


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arrivals=st.lists(st.tuples(ages, st.integers(0, 3), st.integers(0, 10**6)), max_size=25),
    as_of_ages=st.lists(st.integers(0, 2 * MICROS_PER_DAY), min_size=1, max_size=3),
)
async def test_recent_purchases_and_the_index_by_time_agree(
    client: DynamoClient,
    arrivals: list[tuple[int, int, int]],
    as_of_ages: list[int],
) -> None:
    customer = str(uuid.uuid4())  # every example starts with an empty history
    store = dynamo_store(client)
    delays = [delay for _, delay, _ in arrivals]
    for number, (age, _, amount) in enumerate(arrivals):
        # Earlier arrivals were written on earlier days: later ones prune what got too old.
        store.clock.now = NOW - sum(delays[number:]) * MICROS_PER_DAY
        await store.recorder.record(
            [
                a_purchase(
                    customer_id=customer,
                    purchase_id=f"p{number}",
                    purchased_at=NOW - age,
                    category=f"c{amount % 3}",
                    amount_minor=amount,
                )
            ]
        )
    store.clock.now = NOW
    (recent,) = await store.recent.of([customer])
    window = FEATURES.longest_window
    for as_of in (NOW - age for age in as_of_ages):
        assert recent.answers(window, as_of) == (as_of >= recent_limit(window))
        if recent.answers(window, as_of):
            truth = await store.history.between(customer, after=window.after(as_of), until=as_of)
            by_time = FEATURES.matrix(Histories.of([truth]), as_of)
            by_item = FEATURES.matrix(Histories.of([recent.purchases]), as_of)
            assert by_time.tobytes() == by_item.tobytes()


def recent_limit(window: Window) -> int:
    """The oldest as_of that the recent purchases answer at NOW."""
    oldest_day = NOW // MICROS_PER_DAY - (window.length_us // MICROS_PER_DAY + 2) + 1
    return oldest_day * MICROS_PER_DAY + window.length_us - 1
