"""Identifiers and instants as real files have them: each case and what is right for it."""

import json
from unicodedata import normalize
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidPurchase
from domain.purchases import Conventions
from domain.purchases.purchase import parse_purchase
from domain.values import instant
from tests.builders import NOW, USD, raw_purchase
from tests.doors.files import CASES, imported
from tests.strategies import texts

AS_WRITTEN = Conventions(default_currency=True, ids_as_written=True)
BERLIN = Conventions(default_currency=True, timezone=ZoneInfo("Europe/Berlin"))
NAMES = ("customer_id", "purchase_id", "category")


def reason_of(raw: dict[str, object]) -> str | None:
    try:
        parse_purchase(raw, currency=USD, now=NOW)
    except InvalidPurchase as exc:
        return exc.reason
    return None


def test_what_a_spreadsheet_did_to_an_id_is_refused_unless_taken_as_written() -> None:
    path = CASES / "ids_from_spreadsheets.csv"
    done = imported(path)
    assert done.counts == {"rejected": 14}
    assert set(done.rows_refused.values()) == {("rejected", "customer_id")}
    assert all("--ids-as-written" in each.reason for each in done.refused)
    assert imported(path, AS_WRITTEN).counts == {"recorded": 14}


def test_honest_ids_are_taken_however_odd() -> None:
    assert imported(CASES / "ids_good_though_odd.csv").counts == {"recorded": 8}


@pytest.mark.parametrize(
    "text",
    [
        *("123.00", "-7.0", "12,0", "1e+05", "1.5E10", "1,23457E+12", "NA", "<NA>", "NaT", "n/a"),
        *("#NAME?", "#DIV/0!", "#", "Infinity", "-inf", "--", "\u2013", '="00042"', "'00042"),
        *("undefined", "(null)", "\\N", "[object Object]"),
    ],
)
@pytest.mark.parametrize("field", NAMES)
def test_every_known_damage_is_refused_in_every_identifier(field: str, text: str) -> None:
    assert reason_of(raw_purchase(**{field: text}))


@pytest.mark.parametrize(
    "text",
    [
        *("1e5", "7e12", "12e-4", "1.5", "10.20", "v1.0", "1.0.0", "NAN-1", "nano", "Nullarbor"),
        *(
            "nonesuch",
            "na",
            "#42",
            "#N",
            "C#",
            "a-",
            "-a",
            "info",
            "infinity pool",
            "=a",
            "'s",
            "0",
        ),
    ],
)
@pytest.mark.parametrize("field", NAMES)
def test_no_honest_identifier_is_taken_for_damage(field: str, text: str) -> None:
    assert reason_of(raw_purchase(**{field: text})) is None


def test_unicode_forms_of_one_name_are_one_customer_in_one_category() -> None:
    done = imported(CASES / "unicode_forms.ndjson")
    assert done.counts == {"recorded": 4}
    assert {(p.customer_id, p.category) for p in done.purchases} == {("jos\u00e9", "caf\u00e9")}


@given(st.sampled_from(NAMES), texts(40), st.sampled_from(["NFC", "NFD"]))
def test_every_form_of_an_identifier_is_stored_alike(field: str, text: str, form: str) -> None:
    raw = raw_purchase(**{field: normalize(form, text)})  # type: ignore[arg-type]  # two literals
    assert getattr(parse_purchase(raw, currency=USD, now=NOW), field) == text


def test_dot_segments_are_refused_and_a_path_inside_a_category_is_not() -> None:
    done = imported(CASES / "dot_segments.ndjson")
    assert list(done.rows_refused) == [1, 2, 3, 4, 5, 6]
    assert [p.category for p in done.purchases] == ["a/../b"]


def test_instants_as_shops_export_them_are_taken() -> None:
    done = imported(CASES / "instants_accepted.csv")
    assert done.counts == {"recorded": 7}
    ten = instant.parse("2026-11-01T10:00:00Z")
    expected = dict.fromkeys([f"c-{n}" for n in range(7)], ten)
    expected |= {"c-3": ten + 123_456, "c-4": ten + 123_456}
    assert {p.customer_id: p.purchased_at for p in done.purchases} == expected


def test_instants_without_a_zone_are_refused_with_the_way_out() -> None:
    done = imported(CASES / "instants_without_zone.csv")
    assert done.counts == {"rejected": 6}
    assert all("--timezone" in each.reason for each in done.refused[:5])


def test_a_zone_given_once_is_that_of_every_local_time_that_exists_once() -> None:
    done = imported(CASES / "instants_without_zone.csv", BERLIN)
    assert list(done.rows_refused) == [4, 5, 7]
    assert {p.customer_id: instant.render(p.purchased_at) for p in done.purchases} == {
        "c-0": "2026-11-01T09:00:00Z",
        "c-1": "2026-11-01T09:00:00Z",
        "c-4": "2026-10-25T02:00:00Z",
    }


@given(
    st.integers(0, NOW),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_a_local_time_is_its_instant_unless_clocks_show_it_twice(moment: int, name: str) -> None:
    zone = ZoneInfo(name)
    local = instant.to_datetime(moment).astimezone(zone)
    text = str(local.replace(tzinfo=None))
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        assert instant.parse(text, zone=zone) == moment
    else:
        with pytest.raises(ValueError):
            instant.parse(text, zone=zone)


@pytest.mark.parametrize("name", ["latin1.csv", "duplicate_names.ndjson"])
def test_an_unreadable_row_is_refused_by_its_number(name: str) -> None:
    done = imported(CASES / name)
    assert done.counts == {"rejected": 1}
    assert json.dumps(done.refused[0].row.text)
