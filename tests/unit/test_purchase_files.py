"""Purchases read from CSV, NDJSON and Parquet files."""

import csv
import json
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from adapters.purchase_files import PurchaseFile, open_purchase_file
from adapters.purchase_files.lines import MAX_ROW_BYTES
from domain.errors import InvalidPurchase, Rejected
from domain.purchases import EARLIEST, MAX_AMOUNT_MINOR, Conventions, Purchase, RawRow
from domain.purchases.purchase import parse_purchase
from domain.values import Currency, instant
from tests.builders import missing
from tests.profiles import examples
from tests.strategies import texts

USD = Currency.of("USD")
NOW = instant.parse("2026-03-01T00:00:00Z")
HEADER = "customer_id,purchase_id,purchased_at,category,amount"
GOOD = "c1,p1,2026-02-28T12:00:00Z,grocery,12.34"
GOOD_PURCHASE = Purchase(
    customer_id="c1",
    purchase_id="p1",
    purchased_at=instant.parse("2026-02-28T12:00:00Z"),
    category="grocery",
    amount_minor=1234,
)
GOOD_FIELDS: dict[str, object] = {
    "customer_id": "c1",
    "purchase_id": "p1",
    "purchased_at": "2026-02-28T12:00:00Z",
    "category": "grocery",
    "amount_minor": 1234,
}
Written = Callable[[str, str | bytes], PurchaseFile]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(name: str, content: str | bytes) -> PurchaseFile:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_purchase_file(path)

    return write


def csv_lines(*lines: str) -> str:
    return "\n".join((HEADER, *lines, ""))


def parquet_of(tmp_path: Path, **columns: object) -> PurchaseFile:
    path = tmp_path / "purchases.parquet"
    cells = {name: [cell] for name, cell in GOOD_FIELDS.items()} | columns
    parquet.write_table(pa.table({n: c for n, c in cells.items() if c is not None}), path)
    return open_purchase_file(path)


class Bad(NamedTuple):
    """A row that is no purchase: which one, its field if that is known, and why."""

    number: int
    field: str | None
    reason: str


def outcomes(source: PurchaseFile) -> list[Purchase | Bad]:
    """Each row's purchase; or what is wrong with it."""
    return [
        Bad(row.number, None, row.problem or "") if row.raw is None else outcome(row)
        for row in source.rows()
    ]


def outcome(row: RawRow) -> Purchase | Bad:
    try:
        return parse_purchase(
            row.raw, currency=USD, now=NOW, conventions=Conventions(default_currency=True)
        )
    except InvalidPurchase as exc:
        return Bad(row.number, exc.field, exc.reason)


def check_bad(found: Purchase | Bad, number: int, field: str | None, *facts: object) -> None:
    """Asserts that it is this row, by this field, and that its reason tells the facts."""
    assert isinstance(found, Bad)
    assert (found.number, found.field) == (number, field)
    assert found.reason
    assert [fact for fact in facts if str(fact) not in found.reason] == []


# Every format


ids = texts(40)
purchases = st.builds(
    Purchase,
    customer_id=ids,
    purchase_id=ids,
    purchased_at=st.integers(EARLIEST, NOW),
    category=ids,
    amount_minor=st.integers(0, MAX_AMOUNT_MINOR),
)


def fields(purchase: Purchase, *, major: bool) -> dict[str, object]:
    amount = Decimal(purchase.amount_minor).scaleb(-2)
    return {
        "customer_id": purchase.customer_id,
        "purchase_id": purchase.purchase_id,
        "purchased_at": instant.render(purchase.purchased_at),
        "category": purchase.category,
        "amount": amount if major else None,
        "amount_minor": None if major else purchase.amount_minor,
        "currency": "USD",
    }


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(fields(GOOD_PURCHASE, major=True)))
        writer.writeheader()
        writer.writerows(rows)


def write_ndjson(path: Path, rows: Sequence[dict[str, object]]) -> None:
    def line(row: dict[str, object]) -> str:
        text = json.dumps(row | {"amount": None})
        return text if row["amount"] is None else text[:-1] + f', "amount": {row["amount"]}}}'

    lines = [line(row).replace('"amount": null, ', "") for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_parquet(path: Path, rows: Sequence[dict[str, object]]) -> None:
    texts = ("customer_id", "purchase_id", "category", "currency")
    schema = pa.schema(
        [(name, pa.string()) for name in texts]
        + [("purchased_at", pa.timestamp("us", tz="Europe/Berlin"))]
        + [("amount", pa.decimal128(14, 2)), ("amount_minor", pa.int64())]
    )
    moments = [
        row | {"purchased_at": instant.to_datetime(instant.parse(str(row["purchased_at"])))}
        for row in rows
    ]
    parquet.write_table(pa.Table.from_pylist(moments, schema=schema), path)


WRITERS = {"csv": write_csv, "ndjson": write_ndjson, "parquet": write_parquet}


@pytest.mark.parametrize("kind", WRITERS)
@given(rows=st.lists(st.tuples(purchases, st.booleans()), max_size=6))
def test_whatever_is_written_is_read_back_equal(
    kind: str, rows: list[tuple[Purchase, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"purchases.{kind}"
        WRITERS[kind](path, [fields(purchase, major=major) for purchase, major in rows])
        source = open_purchase_file(path)
        assert outcomes(source) == [purchase for purchase, _ in rows]
        assert source.ignored == ()


@pytest.mark.parametrize("kind", WRITERS)
def test_memory_does_not_grow_with_the_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"purchases.{kind}"
    WRITERS[kind](path, [fields(GOOD_PURCHASE, major=True)] * 10_000)
    source = open_purchase_file(path)
    next(source.rows())
    tracemalloc.start()
    try:
        assert sum(row.raw is not None for row in source.rows()) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000  # all rows at once are 7 MB and more


@pytest.mark.parametrize("name", ["purchases.docx", "purchases.xml"])
def test_another_kind_of_file_is_rejected_naming_those_that_are_read(
    name: str, written: Written
) -> None:
    with pytest.raises(Rejected) as caught:
        written(name, HEADER)
    assert caught.value.field == "file"
    assert not missing(caught.value.reason, ".csv", ".ndjson", ".parquet", ".xlsx")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_file_is_rejected(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=f"purchases.{kind}") as caught:
        open_purchase_file(tmp_path / f"purchases.{kind}")
    assert caught.value.field == "file"


def test_a_folder_is_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "purchases.csv"
    folder.mkdir()
    with pytest.raises(Rejected, match=r"purchases\.csv") as caught:
        open_purchase_file(folder)
    assert caught.value.field == "file"


def test_the_ending_of_the_name_counts_in_any_case(written: Written) -> None:
    assert outcomes(written("PURCHASES.CSV", csv_lines(GOOD))) == [GOOD_PURCHASE]


# CSV


@pytest.mark.parametrize(
    "content",
    [
        csv_lines(GOOD).encode("utf-8-sig"),
        csv_lines(GOOD).replace("\n", "\r\n").encode(),
        csv_lines(GOOD).rstrip("\n").encode(),
        csv_lines(GOOD).replace("grocery", '"grocery"').encode(),
        csv_lines("", GOOD, "", "").encode(),
    ],
    ids=["BOM", "CRLF", "no last line end", "quoted", "blank lines"],
)
def test_csv_is_read_as_spreadsheets_write_it(content: bytes, written: Written) -> None:
    assert outcomes(written("p.csv", content)) == [GOOD_PURCHASE]


def test_quoted_cells_keep_quotes_commas_and_line_ends(written: Written) -> None:
    source = written("p.csv", csv_lines('"c ""1"", x","p1\r\n",2026-02-28T12:00:00Z,g,1', GOOD))
    first, second = source.rows()
    assert first.raw is not None
    assert first.raw["customer_id"] == 'c "1", x'
    assert first.raw["purchase_id"] == "p1\r\n"
    assert (first.number, second.number) == (2, 4)


def test_an_id_of_digits_stays_the_text_it_is(written: Written) -> None:
    (row,) = written("p.csv", csv_lines("007,0010,2026-02-28T12:00:00Z,g,1")).rows()
    assert row.raw is not None
    assert (row.raw["customer_id"], row.raw["purchase_id"]) == ("007", "0010")


def test_empty_cells_are_absent_fields(written: Written) -> None:
    content = (
        "customer_id,purchase_id,purchased_at,category,amount,amount_minor,currency\n"
        "c1,p1,2026-02-28T12:00:00Z,grocery,,1234,\n"
        ",p1,2026-02-28T12:00:00Z,grocery,,1234,\n"
    )
    good, bad = outcomes(written("p.csv", content))
    assert good == GOOD_PURCHASE
    check_bad(bad, 3, "customer_id")


def test_an_amount_of_more_digits_than_a_float_holds_stays_exact(written: Written) -> None:
    (row,) = written("p.csv", csv_lines(GOOD.replace("12.34", "0.1234567890123456789"))).rows()
    assert row.raw is not None
    assert row.raw["amount"] == Decimal("0.1234567890123456789")


@pytest.mark.parametrize(
    ("amount", "fact"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("-1.00", ""),
        ("12.345", "USD"),
        ('"1,234.56"', "1,234.56"),
        ("12.34 ", "12.34 "),
        ("1_000", "1_000"),
        ("१२", "१२"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("free", "free"),
    ],
)
def test_an_amount_that_is_no_money_is_rejected_by_its_name(
    amount: str, fact: str, written: Written
) -> None:
    (bad, good) = outcomes(written("p.csv", csv_lines(GOOD.replace("12.34", amount), GOOD)))
    check_bad(bad, 2, "amount", fact)
    assert good == GOOD_PURCHASE


@pytest.mark.parametrize("minor", ["12.34", "1e3", "x", "1" * 5000])
def test_an_amount_in_minor_units_must_be_an_integer(minor: str, written: Written) -> None:
    content = csv_lines(GOOD.replace("12.34", minor)).replace("amount", "amount_minor")
    (bad,) = outcomes(written("p.csv", content))
    check_bad(bad, 2, "amount_minor")


def test_bytes_that_are_not_utf8_cost_one_row(written: Written) -> None:
    content = csv_lines(GOOD, GOOD.replace("grocery", "@"), GOOD).encode().replace(b"@", b"\xfcb")
    first, bad, last = outcomes(written("p.csv", content))
    assert first == last == GOOD_PURCHASE
    check_bad(bad, 3, None, 3, "0xfc")


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ('c1,p1,2026-02-28T12:00:00Z,"gro"cery,1', ["CSV"]),
        ('c1,p1,2026-02-28T12:00:00Z,"grocery,1', ["CSV"]),
        (GOOD + ",", [6, 5]),
        ("c1,p1,2026-02", [3, 5]),
        ("x" * (MAX_ROW_BYTES + 5), [3, MAX_ROW_BYTES]),
        ("x" * 200_000, ["CSV", csv.field_size_limit()]),
    ],
    ids=["stray quote", "open quote", "many cells", "few cells", "long line", "long cell"],
)
def test_a_malformed_line_costs_one_row(
    line: str, facts: Sequence[object], written: Written
) -> None:
    first, bad, last = outcomes(written("p.csv", csv_lines(GOOD, line, GOOD)))
    assert first == last == GOOD_PURCHASE
    check_bad(bad, 3, None, *facts)


def test_a_row_of_endless_quoted_lines_is_given_up(written: Written) -> None:
    line = "x" * 60_000 + '","' + "x"
    source = written("p.csv", csv_lines('"', *[line] * 20))
    row = next(source.rows())
    assert row.raw is None
    assert not missing(row.problem, MAX_ROW_BYTES)


def test_a_last_line_that_was_cut_off_is_named(written: Written) -> None:
    content = csv_lines(GOOD, GOOD)
    good, bad = outcomes(written("p.csv", content[: -len(",grocery,12.34\n")]))
    assert good == GOOD_PURCHASE
    check_bad(bad, 3, None, 3, 5)


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        ("", []),
        ("purchase_id,purchased_at,category,amount", ["customer_id"]),
        ("customer_id,purchase_id", ["purchased_at", "category", "amount", "amount_minor"]),
        (HEADER.replace(",", "~"), ["customer_id~purchase_id"]),
        (HEADER + ",amount,category", ["amount", "category"]),
        ('"customer_id,purchase_id', ["CSV"]),
        (HEADER.replace(",", "\r"), ["CSV"]),
    ],
)
def test_a_csv_header_that_is_none_is_rejected(
    header: str, facts: Sequence[str], written: Written
) -> None:
    with pytest.raises(Rejected) as caught:
        written("p.csv", header + "\n")
    assert caught.value.field == "file"
    assert not missing(caught.value.reason, "p.csv", *facts)


def test_a_file_in_utf16_without_its_mark_is_rejected(written: Written) -> None:
    with pytest.raises(Rejected, match="UTF-8") as caught:
        written("p.csv", csv_lines(GOOD).encode("utf-16-le"))
    assert caught.value.field == "file"


def test_other_columns_are_ignored_and_named(written: Written) -> None:
    content = f"shop,{HEADER},,shop,Note\nx,{GOOD},1,y,EUR\n"
    source = written("p.csv", content)
    assert source.ignored == ("shop", "column 7 (unnamed)", "Note")
    assert outcomes(source) == [GOOD_PURCHASE]


def test_a_csv_file_of_a_header_only_has_no_rows(written: Written) -> None:
    assert outcomes(written("p.csv", HEADER)) == []


# NDJSON


def json_line(**changes: object) -> str:
    return json.dumps(GOOD_FIELDS | changes)


def json_amount(literal: str) -> str:
    return json_line().replace('"amount_minor": 1234', f'"amount": {literal}')


@pytest.mark.parametrize(
    "content",
    [
        json_line() + "\n",
        json_line(),
        "\ufeff" + json_line() + "\r\n",
        "\n \n" + json_line() + "\n\n",
        json_amount("12.34"),
        json_amount("1234e-2"),
        json_amount('"12.34"'),
        json_line(note={"a": [1]}),
    ],
)
def test_ndjson_is_read_line_by_line(content: str, written: Written) -> None:
    assert outcomes(written("p.ndjson", content)) == [GOOD_PURCHASE]
    assert outcomes(written("p.jsonl", content)) == [GOOD_PURCHASE]


@pytest.mark.parametrize(
    ("line", "field", "facts"),
    [
        (json_amount("NaN"), "amount", ["NaN"]),
        (json_amount("-Infinity"), "amount", ["-Infinity"]),
        (json_amount("12.345"), "amount", ["USD"]),
        (json_amount("1e-99999999999999999999"), "amount", ["1e-99999999999999999999"]),
        (json_amount("true"), "amount", ["true"]),
        (json_line(amount_minor=12.0), "amount_minor", ["12.0"]),
        (json_line(customer_id=None), "customer_id", []),
        (json_line(customer_id=""), "customer_id", []),
        (json_line(customer_id=True), "customer_id", ["true"]),
        (json_line(customer_id=1.50), "customer_id", ["1.5"]),
        (json_line(purchase_id="\ud800"), "purchase_id", []),
        (json_line(purchased_at="2026-02-28T12:00:00"), "purchased_at", ["RFC 3339"]),
        (json_line(purchased_at=1772280000), "purchased_at", ["RFC 3339", 1772280000]),
        (json_line()[:-10], None, ["JSON"]),
        ("[1, 2]", None, ["JSON", "[1, 2]"]),
        ("[" * 100_000, None, []),
        ("1" * 5000, None, [4300]),
        (json_line()[:-1] + ', "category": "x"}', None, ["category"]),
        ("x" * (MAX_ROW_BYTES + 1), None, [2, MAX_ROW_BYTES]),
    ],
)
def test_a_bad_line_of_ndjson_costs_one_row(
    line: str, field: str | None, facts: Sequence[object], written: Written
) -> None:
    content = f"{json_line()}\n{line}\n{json_line()}"
    first, bad, last = outcomes(written("p.ndjson", content))
    assert first == last == GOOD_PURCHASE
    check_bad(bad, 2, field, *facts)


def test_a_line_of_ndjson_that_is_not_utf8_costs_one_row(written: Written) -> None:
    content = json_line().encode() + b"\n{\xff}\n" + json_line().encode()
    _, bad, _ = outcomes(written("p.ndjson", content))
    check_bad(bad, 2, None, 2, "0xff")


def test_integers_are_ids_too(written: Written) -> None:
    (row,) = written("p.ndjson", json_line(customer_id=42, purchase_id=7)).rows()
    assert row.raw is not None
    assert (row.raw["customer_id"], row.raw["purchase_id"]) == ("42", "7")


def test_fields_that_ndjson_has_on_top_are_named_once_met(written: Written) -> None:
    source = written("p.ndjson", json_line(shop=1) + "\n" + json_line(Note="EUR"))
    assert outcomes(source) == [GOOD_PURCHASE] * 2
    assert source.ignored == ("shop", "Note")


def test_the_names_of_ignored_fields_are_bounded(written: Written) -> None:
    source = written("p.ndjson", json_line(**{f"field {n}": n for n in range(1000)}))
    assert outcomes(source) == [GOOD_PURCHASE]
    assert 0 < len(source.ignored) <= 100


def test_an_empty_ndjson_file_has_no_rows(written: Written) -> None:
    assert outcomes(written("p.ndjson", "")) == []
    assert outcomes(written("p.ndjson", "\n\n")) == []


# Parquet


MOMENT = datetime(2026, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "+05:30"])
def test_timestamps_with_a_zone_keep_their_instant(unit: str, zone: str, tmp_path: Path) -> None:
    moments = pa.array([MOMENT], pa.timestamp(unit, tz=zone))
    assert outcomes(parquet_of(tmp_path, purchased_at=moments)) == [GOOD_PURCHASE]


@pytest.mark.parametrize(
    ("moments", "fact"),
    [
        (pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")), "2026-02-28T12:00:00"),
        (pa.array([2**62], pa.timestamp("us", tz="UTC")), "RFC 3339"),
        (pa.array([date(2026, 2, 28)]), "RFC 3339"),
        (pa.array([1772280000]), "1772280000"),
        (pa.array([None], pa.timestamp("us", tz="UTC")), ""),
    ],
    ids=["naive", "year 148103", "date", "integer", "null"],
)
def test_timestamps_that_name_no_instant_are_rejected(
    moments: object, fact: str, tmp_path: Path
) -> None:
    (bad,) = outcomes(parquet_of(tmp_path, purchased_at=moments))
    check_bad(bad, 1, "purchased_at", fact)


@given(st.lists(st.integers(0, MAX_AMOUNT_MINOR), min_size=1, max_size=50))
@settings(max_examples=examples(50))
def test_float_amounts_become_the_cents_that_were_meant(cents: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        columns = {name: [cell] * len(cents) for name, cell in GOOD_FIELDS.items()}
        amounts = pa.array([cent / 100 for cent in cents], pa.float64())
        source = parquet_of(Path(folder), **columns | {"amount_minor": None, "amount": amounts})
        read = outcomes(source)
    assert [p.amount_minor for p in read if isinstance(p, Purchase)] == cents


@pytest.mark.parametrize(
    ("columns", "field", "fact"),
    [
        ({"amount": [float("nan")]}, "amount", "NaN"),
        ({"amount": [float("-inf")]}, "amount", "-Infinity"),
        ({"amount": [0.1 + 0.2]}, "amount", "USD"),
        ({"amount": [Decimal("1.005")]}, "amount", "USD"),
        ({"amount_minor": [12.0]}, "amount_minor", "12.0"),
        ({"amount_minor": pa.array([None], pa.int64())}, "amount_minor", ""),
        ({"amount": [1], "amount_minor": [1]}, "amount_minor", "amount"),
        ({"customer_id": [1.0]}, "customer_id", "1.0"),
        ({"category": [b"grocery"]}, "category", "grocery"),
        ({"category": pa.array([b"\xff"]).cast(pa.string(), safe=False)}, "category", ""),
    ],
)
def test_a_bad_cell_of_parquet_is_rejected_by_its_name(
    columns: dict[str, object], field: str, fact: str, tmp_path: Path
) -> None:
    minor = {"amount_minor": None} if "amount" in columns else {}
    (bad,) = outcomes(parquet_of(tmp_path, **minor | columns))
    check_bad(bad, 1, field, fact)


@pytest.mark.parametrize(
    "columns",
    [
        {"category": pa.array(["grocery"]).dictionary_encode()},
        {"category": pa.array(["grocery"], pa.large_string())},
        {"amount_minor": pa.array([1234], pa.int16())},
        {"amount_minor": None, "amount": pa.array([Decimal("12.340")])},
        {"amount_minor": None, "amount": pa.array(["12.34"])},
        {"purchased_at": ["2026-02-28T13:00:00+01:00"]},
    ],
)
def test_parquet_may_store_the_same_in_other_types(
    columns: dict[str, object], tmp_path: Path
) -> None:
    assert outcomes(parquet_of(tmp_path, **columns)) == [GOOD_PURCHASE]


def test_integer_ids_of_parquet_are_text(tmp_path: Path) -> None:
    (row,) = parquet_of(tmp_path, customer_id=[42]).rows()
    assert row.raw is not None
    assert row.raw["customer_id"] == "42"


def test_other_columns_of_parquet_are_ignored_and_named(tmp_path: Path) -> None:
    source = parquet_of(tmp_path, shop=[{"name": "x"}])
    assert source.ignored == ("shop",)
    assert outcomes(source) == [GOOD_PURCHASE]


def test_a_parquet_file_may_have_no_rows(tmp_path: Path) -> None:
    source = parquet_of(tmp_path, **{name: pa.array([], pa.string()) for name in GOOD_FIELDS})
    assert outcomes(source) == []
    assert source.total == 0


def test_a_parquet_file_that_lacks_columns_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        parquet_of(tmp_path, category=None, amount_minor=None)
    assert caught.value.field == "file"
    assert not missing(caught.value.reason, "category", "amount", "amount_minor")


def test_a_parquet_file_that_is_none_is_rejected(written: Written) -> None:
    with pytest.raises(Rejected, match=r"p\.parquet") as caught:
        written("p.parquet", "PAR1 and nothing else")
    assert caught.value.field == "file"


def test_a_parquet_file_that_is_damaged_inside_is_rejected_while_reading(tmp_path: Path) -> None:
    path = tmp_path / "purchases.parquet"
    parquet_of(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    source = open_purchase_file(path)
    with pytest.raises(Rejected, match=r"purchases\.parquet") as caught:
        list(source.rows())
    assert caught.value.field == "file"


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet_of(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Rejected, match=r"pip install 'propensity\[local\]'"):
        open_purchase_file(tmp_path / "purchases.parquet")


@pytest.mark.parametrize("name", ["p.csv", "p.ndjson"])
def test_an_unreadable_row_carries_its_own_text(name: str, written: Written) -> None:
    content = f'{HEADER}\n"c1",é,"\nc1,\xff\n'.encode("latin-1")
    content += b"[" * 5_000
    *rows, last = [row for row in written(name, content).rows() if row.number > 1]
    assert [row.text for row in rows] == [r'"c1",\xe9,"', r"c1,\xff"]
    assert last.text == "[" * 2_000


def test_a_line_that_is_too_long_is_kept_in_part(written: Written) -> None:
    (row,) = written("p.ndjson", "é" * MAX_ROW_BYTES).rows()
    assert row.text == "é" * 2_000


def test_a_row_over_several_lines_keeps_them_all(written: Written) -> None:
    (row,) = written("p.csv", csv_lines('"c1\nc2",p1')).rows()
    assert not missing(row.problem, 2, 5)
    assert row.text == '"c1\nc2",p1'


def test_a_row_that_can_be_read_has_no_text(written: Written) -> None:
    (row,) = written("p.csv", csv_lines(GOOD)).rows()
    assert row.text is None
