"""What a month costs: arithmetic that must hold for every shop."""

from dataclasses import replace
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audience import ReadWay
from domain.bill import MONTH_S, Prices, Shop, Sizes, mean_over_poisson
from domain.bill.month import LIST_TRUST_S

SHOPS = st.builds(
    Shop,
    customers=st.integers(1, 10**8),
    purchases=st.integers(0, 10**10),
    predictions=st.integers(0, 10**10),
    audiences=st.integers(0, 1_000),
    categories=st.integers(1, 10_000),
    categories_each=st.integers(1, 100),
    purchases_an_order=st.integers(1, 50),
    months_kept=st.integers(1, 120),
    writers=st.integers(1, 500),
)


@given(SHOPS, st.floats(0.01, 1))
def test_capacity_that_is_used_up_to_the_break_even_costs_as_much_either_way(
    shop: Shop, utilisation: float
) -> None:
    prices = Prices()
    demand = prices.on_demand(reads=shop.reads, writes=shop.writes)
    provided = prices.provisioned(reads=shop.reads, writes=shop.writes, utilisation=utilisation)
    assert prices.break_even_reads == pytest.approx(prices.break_even_writes)
    assert provided * utilisation == pytest.approx(demand * prices.break_even_writes)


@given(SHOPS)
def test_an_order_in_one_call_never_costs_more_than_its_purchases_one_by_one(shop: Shop) -> None:
    # A thousandth, because an order's purchases come together, and a mean over whole units shows it.
    one_by_one = replace(shop, purchases_an_order=1)
    assert shop.writes <= one_by_one.writes * 1.001 + 4 * shop.purchases_an_order


@given(SHOPS)
def test_a_category_is_listed_at_most_once_a_minute_by_each_writer_and_once_a_purchase(
    shop: Shop,
) -> None:
    most = shop.writers * shop.categories * MONTH_S / LIST_TRUST_S
    assert 0 <= shop.listings <= min(most, shop.purchases) + 1e-6


@given(SHOPS)
def test_an_audience_reads_every_customer_of_its_category(shop: Shop) -> None:
    assert 1 <= shop.audience_customers <= shop.customers
    if shop.audience_way is ReadWay.BATCH:
        assert shop.audience_units >= shop.audience_customers


@given(st.floats(0, 3_000))
def test_a_mean_over_poisson_has_the_mean_and_the_variance(mean: float) -> None:
    assert mean_over_poisson(mean, float) == pytest.approx(mean, abs=1e-9)
    spread = mean_over_poisson(mean, lambda count: (count - mean) ** 2)
    assert spread == pytest.approx(mean, rel=1e-6, abs=1e-9)


def test_the_first_purchase_of_a_customer_takes_six_write_units() -> None:
    shop = Shop(customers=10**9, purchases=1_000)
    assert sum(line.writes for line in shop.lines) == pytest.approx(6 * 1_000, rel=1e-4)


def test_a_larger_recent_item_takes_more_units_to_read_and_write() -> None:
    few, many = (Shop(customers=1_000, purchases=each * 1_000) for each in (1, 30))
    assert many.recent_write_units > few.recent_write_units
    assert few.prediction_units == 1
    assert many.prediction_units == pytest.approx(ceil(many.recent_bytes / 4_096), rel=0.3)


def test_a_recent_item_stays_below_the_limit_of_an_item() -> None:
    assert Shop(customers=1, purchases=10**9).recent_bytes < 400_000


def test_storage_grows_with_the_months_kept_and_recovery_holds_the_truth_alone() -> None:
    shop = Shop(customers=1_000, purchases=1_000)
    longer = replace(shop, months_kept=24)
    recent = shop.stored[-1].bytes
    assert longer.stored_bytes - recent == pytest.approx(2 * (shop.stored_bytes - recent))
    left_out = shop.stored_bytes - shop.backed_up_bytes
    assert left_out == pytest.approx(recent + 12_000 * (Sizes().by_category + 100))


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"purchases": -1}, {"categories_each": 0}])
def test_a_shop_without_customers_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(Shop(customers=1, purchases=1), **wrong)
