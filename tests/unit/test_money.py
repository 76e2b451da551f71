from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import Currency
from tests.builders import USD, missing
from tests.strategies import currencies


@pytest.mark.parametrize(
    ("code", "minor_per_major"),
    [("USD", 100), ("EUR", 100), ("JPY", 1), ("KWD", 1_000), ("CLF", 10_000)],
)
def test_a_currency_knows_its_minor_unit(code: str, minor_per_major: int) -> None:
    assert Currency.of(code).minor_per_major == minor_per_major


@pytest.mark.parametrize("code", ["", "usd", "US", "USDT", "DEM", "XXX", " USD"])
def test_an_unknown_currency_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217") as caught:
        Currency.of(code)
    assert repr(code) in str(caught.value)


@given(currencies, st.integers(-(10**15), 10**15))
def test_minor_units_survive_the_way_through_major_units(
    currency: Currency, amount_minor: int
) -> None:
    assert currency.to_minor(Decimal(amount_minor).scaleb(-currency.exponent)) == amount_minor


@pytest.mark.parametrize(
    ("amount", "amount_minor"),
    [("12.5", 1250), ("12.50000", 1250), ("0", 0), ("-0.00", 0), ("1E+3", 100_000), ("0.1", 10)],
)
def test_decimals_become_minor_units_exactly(amount: str, amount_minor: int) -> None:
    assert USD.to_minor(Decimal(amount)) == amount_minor


@pytest.mark.parametrize(
    ("code", "amount"),
    [
        ("USD", "0.001"),
        ("JPY", "0.5"),
        ("KWD", "0.0001"),
        ("USD", "1E-30"),
        ("USD", "1." + "0" * 28 + "1"),
    ],
)
def test_an_amount_finer_than_the_minor_unit_is_never_rounded(code: str, amount: str) -> None:
    with pytest.raises(ValueError) as caught:
        Currency.of(code).to_minor(Decimal(amount))
    assert not missing(caught.value, code, Currency.of(code).exponent)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_an_amount_that_is_not_finite_is_refused(amount: str) -> None:
    with pytest.raises(ValueError) as caught:
        USD.to_minor(Decimal(amount))
    assert not missing(caught.value, amount)


@pytest.mark.parametrize(
    "amount", ["1E+31", "-1E+31", "1E+999999", "1E-31", "1E-1000030", "1." + "1" * 5_000]
)
def test_an_amount_beyond_all_money_is_refused_without_computing_it(amount: str) -> None:
    with pytest.raises(ValueError) as caught:
        USD.to_minor(Decimal(amount))
    assert not missing(caught.value, 30)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("amount", "amount_minor"),
    [
        ("1234567890123456789012345678.91", 123456789012345678901234567891),
        ("9999999999999999999999999999.99", 10**30 - 1),
        ("-9999999999999999999999999999.99", 1 - 10**30),
        ("1.00000000000000000000000000000", 100),
        ("1E+30", 10**32),
    ],
)
def test_money_of_more_digits_than_decimal_computes_with_is_exact(
    amount: str, amount_minor: int
) -> None:
    assert USD.to_minor(Decimal(amount)) == amount_minor


@given(currencies, st.integers(1 - 10**30, 10**30 - 1), st.integers(-8, 0), st.integers(1, 40))
def test_minor_units_are_exact_or_refused_whatever_precision_decimal_has(
    currency: Currency, digits: int, exponent: int, precision: int
) -> None:
    amount = Decimal(f"{digits}E{exponent}")
    amount_minor, finer = divmod(digits * currency.minor_per_major, 10**-exponent)
    with localcontext(prec=precision):
        if finer:
            with pytest.raises(ValueError) as caught:
                currency.to_minor(amount)
            assert not missing(caught.value, currency.code, currency.exponent)
        else:
            assert currency.to_minor(amount) == amount_minor
