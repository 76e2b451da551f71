import math
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidPurchase
from domain.purchases import (
    CLOCK_SKEW_US,
    EARLIEST,
    MAX_AMOUNT_MINOR,
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
    Conventions,
    Purchase,
)
from domain.purchases.purchase import parse_purchase
from domain.values import Currency, instant
from tests.builders import JPY, NOW, USD, a_purchase, missing, raw_of, raw_purchase
from tests.strategies import currencies, junk_purchases, raw_purchases

IDENTIFIERS = {
    "customer_id": MAX_CUSTOMER_ID_BYTES,
    "purchase_id": MAX_PURCHASE_ID_BYTES,
    "category": MAX_CATEGORY_BYTES,
}


def parse(raw: object) -> Purchase:
    return parse_purchase(raw, currency=USD, now=NOW)


def refusal(raw: object) -> InvalidPurchase:
    with pytest.raises(InvalidPurchase) as caught:
        parse(raw)
    return caught.value


@given(st.data(), currencies)
def test_every_valid_purchase_is_read_as_it_was_meant(
    data: st.DataObject, currency: Currency
) -> None:
    raw, purchase = data.draw(raw_purchases(currency=currency))
    assert parse_purchase(raw, currency=currency, now=NOW) == purchase


@given(junk_purchases)
def test_whatever_is_sent_is_a_purchase_or_a_refusal_that_names_a_field(
    raw: dict[str, object],
) -> None:
    try:
        purchase = parse(raw)
    except InvalidPurchase as exc:
        named, reason = exc.field, exc.reason
    else:
        named, reason = "purchase_id", purchase.purchase_id
    assert named in {"amount", *raw_purchase(), *raw}
    assert reason


def test_any_mapping_will_do() -> None:
    assert parse(MappingProxyType(raw_purchase())) == a_purchase()


@pytest.mark.parametrize("raw", [None, "purchase", 1, [], [raw_purchase()], 1.5])
def test_what_is_no_object_is_no_purchase(raw: object) -> None:
    assert refusal(raw).field == "purchase"


@pytest.mark.parametrize("field", ["customer_id", "purchase_id", "purchased_at", "category"])
def test_a_missing_field_is_named_whether_absent_or_null(field: str) -> None:
    absent = {name: value for name, value in raw_purchase().items() if name != field}
    for raw in (absent, raw_purchase(**{field: None})):
        assert refusal(raw).field == field


@pytest.mark.parametrize("field", ["colour", "Amount", "", "amount_minor "])
def test_an_unknown_field_is_refused_by_its_name(field: str) -> None:
    assert refusal(raw_purchase(**{field: 1})).field == field


def test_an_unknown_field_is_quoted_in_part_only() -> None:
    assert len(refusal(raw_purchase(**{"x" * 10_000: 1})).field) < 100


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize(
    "value",
    [
        7,
        True,
        1.5,
        ["a"],
        b"a",
        "",
        " ",
        " a",
        "a\n",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\u0378b",
        "\u3000a",
        "a\ud800",
        "\u200b",
        "a\u200bb",
        "\ufeffa",
        "a\u202eb",
        "a\u00adb",
        "\ue000",
        "\u200ca",
        "a\u200d",
    ],
)
def test_an_identifier_is_usable_text(field: str, value: object) -> None:
    error = refusal(raw_purchase(**{field: value}))
    assert error.field == field
    assert error.reason


@pytest.mark.parametrize(("field", "limit"), IDENTIFIERS.items())
def test_an_identifier_is_measured_in_bytes(field: str, limit: int) -> None:
    longest = "é" * (limit // 2)
    assert getattr(parse(raw_purchase(**{field: longest})), field) == longest
    error = refusal(raw_purchase(**{field: longest + "x"}))
    assert error.field == field
    assert not missing(error.reason, limit + 1, limit)


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize("value", [".", ".."])
def test_an_identifier_is_no_dot_segment_of_a_path(field: str, value: str) -> None:
    assert refusal(raw_purchase(**{field: value})).field == field


@pytest.mark.parametrize(
    "text",
    [
        "two words",
        "a/../b",
        "...",
        ".a",
        "Bücher",
        "日本",
        "a#b",
        "😀",
        "می\u200cروم",
        "👩\u200d👧",
    ],
)
def test_an_identifier_may_be_in_any_script_with_its_joiners(text: str) -> None:
    assert parse(raw_purchase(category=text)).category == text


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("2026-02-28T12:00:00", "RFC 3339"),
        ("2026-02-28", "RFC 3339"),
        ("", "RFC 3339"),
        ("2026-02-30T12:00:00Z", "2026-02-30"),
        (1_772_280_000, "RFC 3339"),
        (1_772_280_000.0, "RFC 3339"),
        (True, "RFC 3339"),
        (math.nan, "RFC 3339"),
        ("1970-01-21T12:18:00Z", "2000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "300"),
    ],
)
def test_a_timestamp_that_is_no_believable_instant_is_refused(value: object, fact: str) -> None:
    error = refusal(raw_purchase(purchased_at=value))
    assert error.field == "purchased_at"
    assert fact in error.reason


@pytest.mark.parametrize("at", [EARLIEST, NOW, NOW + 1, NOW + CLOCK_SKEW_US])
def test_a_producers_clock_may_run_ahead_a_little(at: int) -> None:
    assert parse(raw_of(a_purchase(purchased_at=at))).purchased_at == at


@pytest.mark.parametrize("at", [EARLIEST - 1, NOW + CLOCK_SKEW_US + 1])
def test_one_microsecond_beyond_the_believable_is_refused(at: int) -> None:
    assert refusal(raw_of(a_purchase(purchased_at=at))).field == "purchased_at"


def test_an_instant_is_kept_to_the_microsecond_in_utc() -> None:
    purchase = parse(raw_purchase(purchased_at="2026-02-28T13:00:00.000001+01:00"))
    assert purchase.purchased_at == instant.parse("2026-02-28T12:00:00Z") + 1


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (-1, ""),
        (MAX_AMOUNT_MINOR + 1, f"{MAX_AMOUNT_MINOR}"),
        pytest.param(10**5_000, f"{MAX_AMOUNT_MINOR}", id="5001 digits"),
        (True, "true"),
        (False, "false"),
        (12.0, "12.0"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal(12), "12"),
        ("12", "'12'"),
        ([12], "[12]"),
    ],
)
def test_an_amount_in_minor_units_is_a_believable_integer(value: object, fact: str) -> None:
    error = refusal(raw_purchase(amount_minor=value))
    assert error.field == "amount_minor"
    assert fact in error.reason


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (Decimal("-0.01"), ""),
        (Decimal(MAX_AMOUNT_MINOR), f"{MAX_AMOUNT_MINOR}"),
        (Decimal("1E+400"), "30"),
        pytest.param(10**5_000, "30", id="5001 digits"),
        (Decimal("NaN"), "NaN"),
        (Decimal("sNaN"), "sNaN"),
        (Decimal("-Infinity"), "-Infinity"),
        (Decimal("0.001"), "USD"),
        (12.5, "12.5"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (True, "true"),
        ("12.50", "'12.50'"),
    ],
)
def test_an_amount_in_major_units_is_a_believable_decimal(value: object, fact: str) -> None:
    error = refusal(raw_purchase(amount_minor=None, amount=value))
    assert error.field == "amount"
    assert fact in error.reason


@pytest.mark.parametrize("amount_minor", [0, 1, MAX_AMOUNT_MINOR])
def test_amounts_reach_from_nothing_to_the_largest_believable(amount_minor: int) -> None:
    assert parse(raw_purchase(amount_minor=amount_minor)).amount_minor == amount_minor


@pytest.mark.parametrize(("amount", "amount_minor"), [(Decimal("12.5"), 1250), (12, 1200), (0, 0)])
def test_major_units_become_minor_units(amount: object, amount_minor: int) -> None:
    raw = raw_purchase(amount_minor=None, amount=amount)
    assert parse(raw).amount_minor == amount_minor


def test_an_amount_is_given_exactly_once() -> None:
    none = refusal(raw_purchase(amount_minor=None))
    both = refusal(raw_purchase(amount=Decimal("12.50")))
    assert (none.field, both.field) == ("amount_minor", "amount_minor")
    assert not missing(both.reason, "amount")


@pytest.mark.parametrize("value", ["EUR", "usd", "", 840, True])
def test_another_currency_is_refused_never_summed(value: object) -> None:
    error = refusal(raw_purchase(currency=value))
    assert error.field == "currency"
    assert not missing(error.reason, "USD")


def test_a_missing_currency_is_assumed_only_where_that_was_agreed() -> None:
    raw = raw_purchase(currency=None)
    assert refusal(raw).field == "currency"
    agreed = parse_purchase(
        raw, currency=JPY, now=NOW, conventions=Conventions(default_currency=True)
    )
    assert agreed == a_purchase()


def test_another_currency_is_refused_even_where_one_may_be_missing() -> None:
    with pytest.raises(InvalidPurchase) as caught:
        parse_purchase(
            raw_purchase(), currency=JPY, now=NOW, conventions=Conventions(default_currency=True)
        )
    assert caught.value.field == "currency"


@pytest.mark.parametrize(
    "bad",
    [
        {"purchased_at": "9" * 10_000},
        {"customer_id": [1] * 10_000},
        {"category": "\x00" * 10_000},
        {"currency": "X" * 10_000},
        {"amount_minor": None, "amount": Decimal("1." + "1" * 10_000)},
        {"amount_minor": "1" * 10_000},
    ],
    ids=" ".join,
)
def test_long_input_is_quoted_in_part_only(bad: dict[str, object]) -> None:
    assert len(refusal(raw_purchase(**bad)).reason) < 200


@pytest.mark.parametrize("value", [10**5_000, -(10**5_000), [10**5_000]], ids=["+", "-", "list"])
@pytest.mark.parametrize("field", [*raw_purchase(), "amount"])
def test_an_integer_too_long_to_print_is_refused_by_the_name_of_its_field(
    field: str, value: object
) -> None:
    error = refusal(raw_purchase(amount_minor=None) | {field: value})
    assert error.field == field
    assert len(error.reason) < 200


def test_a_redelivery_has_the_same_fingerprint() -> None:
    assert a_purchase().fingerprint == a_purchase().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        a_purchase(purchased_at=a_purchase().purchased_at + 1),
        a_purchase(category="grocery2"),
        a_purchase(amount_minor=a_purchase().amount_minor + 1),
    ],
)
def test_another_payload_has_another_fingerprint(other: Purchase) -> None:
    assert other.fingerprint != a_purchase().fingerprint
