"""Files as shops and spreadsheets write them: what happens to every row."""

import csv
import gzip
import io
import json
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from adapters.purchase_files import FileOptions, orders, read_mapping
from adapters.purchase_files.mapping import Columns, FileMapping
from adapters.purchase_files.orders import shares
from domain.errors import Rejected
from domain.purchases import Conventions, Purchase, RowKind, refunded_minor
from domain.values import instant
from tests.doors.files import CASES, NOW, PLAIN, Imported, imported

LINES = FileOptions(mapping=FileMapping(order_lines=True))
EXPORT = Conventions(default_currency=True, refunds_matched=True, refunds_undated=True)
INVOICES = """
delimiter = ";"
decimal = ","
thousands = "."
date_format = "%d/%m/%Y %H:%M"
order_lines = true

[columns]
customer_id = "CustomerID"
purchase_id = "InvoiceNo"
purchased_at = "InvoiceDate"
category = "StockCode"
quantity = "Quantity"
unit_price = "UnitPrice"
"""


def one(done: Imported) -> Purchase:
    """The one purchase that every plain case holds."""
    (purchase,) = done.purchases
    assert done.counts == {"recorded": 1}
    assert (purchase.customer_id, purchase.purchase_id, purchase.amount_minor) == (
        "c-1",
        "p-1",
        1050,
    )
    assert purchase.purchased_at == instant.parse("2026-11-01T10:00:00Z")
    return purchase


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("semicolons.csv", "rings"),
        ("tabs.csv", "rings"),
        ("utf16.csv", "caf\u00e9"),
        ("compressed.csv.gz", "rings"),
        ("array.json", "rings"),
        ("bom.ndjson", "rings"),
        ("unnamed_column.csv", "rings"),
    ],
)
def test_what_is_certain_is_read(name: str, category: str) -> None:
    assert one(imported(CASES / name)).category == category


def test_latin1_is_refused_by_name_with_the_fix_and_read_once_it_is_said() -> None:
    done = imported(CASES / "latin1.csv")
    assert done.counts == {"rejected": 1}
    assert "0xe9" in done.refused[0].reason
    said = FileOptions(mapping=FileMapping(encoding="latin-1"))
    assert one(imported(CASES / "latin1.csv", options=said)).category == "caf\u00e9"


def test_lines_of_one_order_are_counted_apart_or_refused_with_the_way_out() -> None:
    done = imported(CASES / "order_lines.csv")
    assert done.counts == {"recorded": 2, "rejected": 1, "conflict": 1}
    assert list(done.rows_refused) == [3, 4]
    assert all("--order-lines" in each.reason for each in done.refused)
    counted = imported(CASES / "order_lines.csv", options=LINES)
    assert {p.purchase_id: p.amount_minor for p in counted.purchases} == {
        "o-1001-1": 2000,
        "o-1001-2": 2000,
        "o-1001-3": 1500,
        "o-1002-1": 999,
    }
    again = imported(CASES / "order_lines.csv", options=LINES, into=counted)
    assert again.counts == {"duplicate": 4}


def test_negative_rows_are_refunds_of_what_they_must_be_about() -> None:
    done = imported(CASES / "refunds.csv")
    assert done.counts == {"recorded": 4}
    left = {p.purchase_id: p.amount_minor - refunded_minor(p.refunds) for p in done.purchases}
    assert left == {"o-1": 0, "o-2": 3750}
    (refund,) = done.store.purchases["c-1", "o-1"].refunds
    assert refund.refund_id == "o-1-refund"
    assert instant.render(refund.refunded_at) == "2026-11-03T10:00:00Z"
    assert imported(CASES / "refunds.csv", into=done).counts == {"duplicate": 4}


def test_a_refund_may_stand_before_its_purchase_in_a_file(tmp_path: Path) -> None:
    header, *rows = (CASES / "refunds.csv").read_text().splitlines()
    (tmp_path / "newest_first.csv").write_text("\n".join([header, *reversed(rows)]))
    done = imported(tmp_path / "newest_first.csv")
    assert done.counts == {"recorded": 4}
    assert done.store.purchases == imported(CASES / "refunds.csv").store.purchases


def test_a_refund_that_fits_no_purchase_is_refused_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    rows = (CASES / "refunds.csv").read_text()
    path.write_text(
        rows + "c-1,x,2026-11-05T10:00:00Z,rings,-0.01\nc-9,y,2026-11-05T10:00:00Z,a,-1\n"
    )
    done = imported(path)
    assert done.rows_refused == {6: ("rejected", "refund_of"), 7: ("rejected", "refund_of")}


def test_a_refund_may_name_its_purchase(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "customer_id,purchase_id,purchased_at,category,amount,refund_of\n"
        "c,r,2026-11-02T10:00:00Z,shirts,-5,b\n"
        "c,a,2026-11-01T10:00:00Z,rings,5,\nc,b,2026-11-01T10:00:00Z,rings,9,\n"
    )
    done = imported(path)
    assert done.counts == {"recorded": 3}
    assert [len(done.store.purchases["c", name].refunds) for name in ("a", "b")] == [0, 1]


def test_files_of_refunds_and_of_cancellations_are_read_as_those_of_purchases(
    tmp_path: Path,
) -> None:
    done = imported(CASES / "refunds.csv")
    refunds, cancellations = tmp_path / "r.csv", tmp_path / "c.csv"
    refunds.write_text(
        "Customer ID;Purchase-ID;refund_id;refunded_at;amount\nc-2;o-2;r-9;2026-11-09 10:00 UTC;37,50\n"
    )
    cancellations.write_text("purchase_id,customer_id\no-1,c-1\n")
    of_refunds = FileOptions(kind=RowKind.REFUND)
    assert imported(refunds, options=of_refunds, into=done).counts == {"recorded": 1}
    assert imported(refunds, options=of_refunds, into=done).counts == {"duplicate": 1}
    of_cancellations = FileOptions(kind=RowKind.CANCELLATION)
    assert imported(cancellations, options=of_cancellations, into=done).counts == {"cancelled": 1}
    assert {p.purchase_id: refunded_minor(p.refunds) for p in done.purchases} == {"o-2": 5000}
    lines = tmp_path / "l.ndjson"
    ids = {"customer_id": "c-2", "purchase_id": "o-2"}
    refund = ids | {"refund_id": "r-9", "refunded_at": "2026-11-09T10:00:00Z", "amount": "37.50"}
    lines.write_text(
        json.dumps({"refunded": refund}) + "\n" + json.dumps({"cancelled": ids}) + "\n"
    )
    assert imported(lines, into=done).counts == {"duplicate": 1, "cancelled": 1}


def test_a_shops_export_is_read_by_its_profile() -> None:
    options = FileOptions(mapping=read_mapping("shopify", None))
    done = imported(CASES / "shop_lines_blank_fields.csv", EXPORT, options=options)
    assert done.rows_refused == {6: ("rejected", "customer_id"), 7: ("rejected", "status")}
    assert {
        (p.customer_id, p.purchase_id, p.category): (p.amount_minor, refunded_minor(p.refunds))
        for p in done.purchases
    } == {
        ("ann@example.org", "#1001-1", "rings"): (4000, 0),
        ("ann@example.org", "#1001-2", "shirts"): (1500, 0),
        ("bob@example.org", "#1002-1", "rings"): (3000, 1250),
        ("bob@example.org", "#1003-1", "shirts"): (1500, 1500),
    }
    (refund,) = done.store.purchases["bob@example.org", "#1002-1"].refunds
    assert refund.refunded_at == NOW
    again = imported(CASES / "shop_lines_blank_fields.csv", EXPORT, options=options, into=done)
    assert again.counts == {"duplicate": 6, "rejected": 2}


def shop_export(folder: Path, *rows: dict[str, str], into: Imported | None = None) -> Imported:
    header, *_ = csv.reader(io.StringIO((CASES / "shop_lines_blank_fields.csv").read_text()))
    path = folder / "export.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    options = FileOptions(mapping=read_mapping("shopify", None))
    return imported(path, EXPORT, options=options, into=into)


FIRST = {
    "Name": "#1",
    "Email": "a@example.org",
    "Financial Status": "paid",
    "Paid at": "2026-11-01 10:00:00 -0500",
    "Currency": "USD",
    "Lineitem quantity": "1",
    "Lineitem price": "10.00",
    "Vendor": "rings",
}
SECOND = {"Name": "#1", "Lineitem quantity": "3", "Lineitem price": "10.00", "Vendor": "shirts"}


def test_a_discount_on_the_order_is_spread_over_its_lines_to_the_cent(tmp_path: Path) -> None:
    done = shop_export(tmp_path, FIRST | {"Subtotal": "33.33"}, SECOND)
    assert [p.amount_minor for p in done.purchases] == [833, 2500]


def test_a_refund_of_the_order_is_spread_and_shipping_is_none_of_ours(tmp_path: Path) -> None:
    order = FIRST | {"Subtotal": "40.00", "Financial Status": "partially_refunded"}
    part = shop_export(tmp_path, order | {"Refunded Amount": "0.02"}, SECOND)
    assert [refunded_minor(p.refunds) for p in part.purchases] == [1, 1]
    whole = shop_export(tmp_path, order | {"Refunded Amount": "44.90"}, SECOND)
    assert [refunded_minor(p.refunds) for p in whole.purchases] == [1000, 3000]


def test_an_order_that_does_not_add_up_is_refused_in_all_its_lines(tmp_path: Path) -> None:
    done = shop_export(tmp_path, FIRST | {"Subtotal": "40.01"}, SECOND)
    assert set(done.rows_refused.values()) == {("rejected", "order_total")}
    assert len(done.refused) == 2


def test_invoices_are_read_by_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "invoices.toml"
    path.write_text(INVOICES)
    options = FileOptions(mapping=read_mapping(None, path))
    conventions = Conventions(default_currency=True, refunds_matched=True, timezone=UTC)
    done = imported(CASES / "invoices_semicolon.csv", conventions, options=options)
    assert done.rows_refused == {
        6: ("rejected", "refund_of"),
        7: ("rejected", "customer_id"),
        8: ("rejected", "quantity"),
    }
    assert {
        (p.customer_id, p.purchase_id): (
            instant.render(p.purchased_at),
            p.amount_minor,
            refunded_minor(p.refunds),
        )
        for p in done.purchases
    } == {
        ("17001", "700001-1"): ("2025-12-01T08:26:00Z", 1530, 0),
        ("17001", "700001-2"): ("2025-12-01T08:26:00Z", 1339, 0),
        ("17001", "700001-3"): ("2025-12-01T08:26:00Z", 1530, 510),
        ("17003", "700006-1"): ("2026-01-13T10:00:00Z", 129500, 0),
    }


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("delimiter = ';'\ncolour = 1\n", ["line 2", "colour"]),
        ("[columns]\ncustomer_id = 'a'\nshoe = 'b'\n", ["line 3", "shoe"]),
        ("decimal = '!'\n", ["line 1", "decimal"]),
        ("decimal = \n", ["line 1"]),
    ],
)
def test_a_mapping_that_is_none_is_refused_with_line_and_reason(
    text: str, facts: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(Rejected) as caught:
        read_mapping(None, path)
    assert [fact for fact in facts if fact not in caught.value.reason] == []


def plain_csv() -> bytes:
    return (CASES / "semicolons.csv").read_bytes().replace(b"10,50", b"10.50").replace(b";", b",")


@pytest.mark.parametrize("name", ["p.csv.zst", "p.CSV.GZ", "p.gz", "p"])
def test_compressed_files_are_known_by_their_first_bytes(name: str, tmp_path: Path) -> None:
    packed = gzip.compress(plain_csv()) if "z" in name.lower() else plain_csv()
    if name.endswith(".zst"):
        packed = zstandard.compress(plain_csv())
    (tmp_path / name).write_bytes(packed)
    one(imported(tmp_path / name))


@pytest.mark.parametrize("cut", [5, -4])
def test_a_damaged_archive_is_refused_before_anything_is_recorded(cut: int, tmp_path: Path) -> None:
    for ending, packed in (
        ("gz", gzip.compress(plain_csv())),
        ("zst", zstandard.ZstdCompressor(write_checksum=True).compress(plain_csv())),
    ):
        path = tmp_path / f"p.csv.{ending}"
        path.write_bytes(packed[:cut])
        with pytest.raises(Rejected) as caught:
            imported(path)
        assert caught.value.field == "file"


@pytest.mark.parametrize("text", ["[", "[{}", "[{},]", "[{} {}]", "[{}] {}", '[{"a": }]'])
def test_an_array_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(Rejected) as caught:
        imported(tmp_path / "p.json")
    assert caught.value.field == "file"


@given(names=st.lists(st.text(max_size=9), max_size=20), indent=st.sampled_from([None, 1, "  "]))
def test_every_element_of_an_array_is_a_row(names: list[str], indent: int | str | None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.json"
        path.write_text(json.dumps([{"customer_id": name} for name in names], indent=indent))
        done = imported(path)
    assert sorted(done.rows_refused) == list(range(1, len(names) + 1))


@given(
    st.decimals(0, 10**6, places=2),
    st.lists(st.decimals(0, 10**5, places=3), min_size=1, max_size=9),
)
def test_shares_are_exact_and_in_proportion(total: Decimal, weights: list[Decimal]) -> None:
    parts = shares(total, weights)
    if sum(weights):
        assert sum(parts) == total
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - total * weight / sum(weights)) <= Decimal("0.001")


def test_a_workbook_is_read_as_excel_shows_it(tmp_path: Path) -> None:
    """Numbers as ids, dates as Excel keeps them, rows numbered as in the sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Customer ID", "purchase id", "Purchased-At", "category", "amount", None])
    sheet.append(
        [17001, "p-1", instant.to_datetime(NOW - 10**12).replace(tzinfo=None), "rings", 10.5]
    )
    sheet.append([17002, "p-2", "yesterday", "rings", 0.1 + 0.2])
    book.save(tmp_path / "p.xlsx")
    conventions = Conventions(default_currency=True, timezone=UTC)
    done = imported(tmp_path / "p.xlsx", conventions)
    assert done.rows_refused == {3: ("rejected", "purchased_at")}
    (purchase,) = done.purchases
    assert (purchase.customer_id, purchase.amount_minor) == ("17001", 1050)
    assert purchase.purchased_at == NOW - 10**12


def test_the_plain_conventions_take_no_refund_without_an_instant() -> None:
    assert not PLAIN.refunds_undated


@pytest.mark.parametrize(
    ("said", "kind", "back"),
    [
        ({"refund_prefix": "CN"}, "sale", "CN7"),
        ({"refund_kinds": ["credit note"], "columns": Columns(kind="Type")}, "credit note", "x7"),
    ],
)
def test_a_mapping_says_which_rows_are_refunds_though_their_amounts_are_positive(
    said: dict[str, Any], kind: str, back: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "customer_id,purchase_id,purchased_at,category,amount,Type\n"
        f"c,{back},2026-11-05T10:00:00Z,rings,4.00,{kind}\n"
        "c,o1,2026-11-01T10:00:00Z,rings,9.00,sale\n"
    )
    done = imported(path, options=FileOptions(mapping=FileMapping(**said)))
    (purchase,) = done.purchases
    assert (purchase.purchase_id, refunded_minor(purchase.refunds)) == ("o1", 400)


def test_a_workbook_may_begin_further_down_and_to_the_right(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    cells = zip(
        "customer_id purchase_id purchased_at category amount".split(), range(2, 7), strict=True
    )
    for name, column in cells:
        book.active.cell(4, column, name)
    for column, value in enumerate(["00042", "p", "2026-11-01T10:00:00Z", "rings", 10.5], start=2):
        book.active.cell(6, column, value)
        book.active.cell(8, column, value)
    book.save(tmp_path / "p.xlsx")
    done = imported(tmp_path / "p.xlsx")
    assert (done.purchases[0].customer_id, done.rows_refused) == (
        "00042",
        {8: ("rejected", "purchase_id")},
    )


def test_lines_may_end_with_cr_alone(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(plain_csv().replace(b"\r", b"").replace(b"\n", b"\r"))
    one(imported(tmp_path / "p.csv"))


@pytest.mark.parametrize("text", ['{\n "customer_id": "c"\n}', '{"purchases": [{}]}', '{"a": 1'])
def test_one_json_object_is_refused_with_the_fix(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(Rejected) as caught:
        imported(tmp_path / "p.json")
    assert "list" in caught.value.reason


@pytest.mark.parametrize("amount", ["-5.00", "5.00"])
def test_in_a_file_of_refunds_the_sign_does_not_matter(amount: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        f"customer_id,purchase_id,refund_id,refunded_at,amount\nc,p,r,2026-11-01T10:00:00Z,{amount}\n"
    )
    done = imported(path, options=FileOptions(kind=RowKind.REFUND))
    assert [refund.amount_minor for (refund,) in done.store.waiting.values()] == [500]


def test_a_woocommerce_export_is_read_by_its_profile(tmp_path: Path) -> None:
    """One row per item; what belongs to the order stands on every row."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "order_id,order_number,date,status,billing_email,order_currency,order_total,refunded_total,"
        "item_name,item_quantity,item_total\n"
        "1,1001,2026-11-01 10:00:00,completed,Ann@example.org,USD,30.00,0.00,Ring,2,20.00\n"
        "1,1001,2026-11-01 10:00:00,completed,Ann@example.org,USD,30.00,0.00,Shirt,1,10.00\n"
        "2,1002,2026-11-02 10:00:00,refunded,ann@example.org,USD,9.99,9.99,Ring,1,9.99\n"
        "3,1003,2026-11-03 10:00:00,cancelled,bob@example.org,USD,5.00,0.00,Ring,1,5.00\n"
        "4,1004,2026-11-04 10:00:00,processing,,USD,5.00,0.00,Ring,1,5.00\n"
    )
    mapping = tmp_path / "mine.toml"
    mapping.write_text("timezone = 'Europe/Berlin'\n[columns]\ncategory = 'item_name'\n")
    said = read_mapping("woocommerce", mapping)
    assert (said.timezone, said.columns.customer_id) == ("Europe/Berlin", "billing_email")
    conventions = Conventions(
        default_currency=True, refunds_matched=True, refunds_undated=True, timezone=UTC
    )
    done = imported(path, conventions, options=FileOptions(mapping=said))
    assert done.rows_refused == {5: ("rejected", "status"), 6: ("rejected", "customer_id")}
    assert {
        (p.customer_id, p.purchase_id, p.category): (p.amount_minor, refunded_minor(p.refunds))
        for p in done.purchases
    } == {
        ("ann@example.org", "1001-1", "Ring"): (2000, 0),
        ("ann@example.org", "1001-2", "Shirt"): (1000, 0),
        ("ann@example.org", "1002-1", "Ring"): (999, 999),
    }


def test_an_order_of_very_many_lines_is_refused_and_never_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_LINES", 3)
    done = shop_export(tmp_path, FIRST, *[SECOND] * 6, FIRST | {"Name": "#2"})
    assert [each.row.number for each in done.refused] == [2, 3, 4, 5, 6, 7, 8]
    assert {each.field for each in done.refused} == {"purchase_id"}
    assert [p.purchase_id for p in done.purchases] == ["#2-1"]


def test_rows_without_an_order_are_judged_one_by_one(tmp_path: Path) -> None:
    done = shop_export(tmp_path, *[SECOND | {"Name": ""}] * 3, FIRST, SECOND)
    assert [each.row.number for each in done.refused] == [2, 3, 4]
    assert len(done.purchases) == 2


def test_a_later_export_adds_what_was_refunded_since(tmp_path: Path) -> None:
    order = FIRST | {"Subtotal": "10.00", "Financial Status": "partially_refunded"}
    done = shop_export(tmp_path, order | {"Refunded Amount": "2.50"})
    for so_far, outcome in (("2.50", "duplicate"), ("6.00", "recorded"), ("6.00", "duplicate")):
        again = shop_export(tmp_path, order | {"Refunded Amount": so_far}, into=done)
        assert again.counts == (
            {"recorded": 1, "duplicate": 1} if outcome == "recorded" else {"duplicate": 2}
        )
    (purchase,) = done.purchases
    assert sorted(refund.amount_minor for refund in purchase.refunds) == [250, 350]
