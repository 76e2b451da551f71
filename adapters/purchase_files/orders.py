"""Orders: what stands on an order's first line only, for all of its lines.

The lines of an order stand together. Its total is what was paid for them: a discount on the whole order
is spread over its lines in proportion to their amounts, to the last cent. So is what was refunded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import chain, groupby, islice

from adapters.purchase_files.cells import OF_ORDERS, finite
from adapters.purchase_files.mapping import FileMapping
from domain.errors import InvalidPurchase
from domain.purchases import RawRow, RowKind

MOST_LINES = 10_000
"""Of one order; they are held in memory together."""


@dataclass(slots=True, kw_only=True)
class OrderLine:
    """One row on its way: its fields, the order as the file names it, and what is wrong with it."""

    row: RawRow
    order: object
    fields: dict[str, object] = field(default_factory=dict)
    problem: InvalidPurchase | None = None


def completed(lines: Iterable[OrderLine], mapping: FileMapping) -> Iterator[OrderLine]:
    """The same lines, and a refund after each that was refunded, once their order is complete.

    An order that does not count, or does not add up, makes each of its lines a problem.
    """
    if not _is_about_orders(mapping):
        yield from lines
        return
    for _, group in groupby(lines, key=_order_of):
        of_order = list(islice(group, MOST_LINES))
        further = next(group, None)  # noqa: B031  # goes on where the list ended
        try:
            _complete(of_order, mapping, too_many=further is not None)
            refunds = _refunds(of_order)
        except InvalidPurchase as exc:
            refunds = []
            for line in of_order:
                line.problem = line.problem or exc
        yield from map(_without_order, of_order)
        yield from refunds
        if further is not None:
            for line in chain([further], group):  # as above
                line.problem = line.problem or of_order[0].problem
                yield _without_order(line)


def _order_of(line: OrderLine) -> object:
    """What groups lines: the order, or the row itself where that names none."""
    return (line.row.number,) if line.order is None else line.order


def _without_order(line: OrderLine) -> OrderLine:
    for name in OF_ORDERS:
        line.fields.pop(name, None)
    return line


def _is_about_orders(mapping: FileMapping) -> bool:
    columns = mapping.columns
    parts = (columns.status, columns.order_total, columns.order_refunded)
    return bool(mapping.carry_down) or any(part is not None for part in parts)


def _complete(lines: Sequence[OrderLine], mapping: FileMapping, *, too_many: bool) -> None:
    if lines[0].order is None:
        raise InvalidPurchase("purchase_id", "is missing")
    if too_many:
        raise InvalidPurchase("purchase_id", f"is that of more than {MOST_LINES} lines")
    first = lines[0].fields
    for line in lines[1:]:
        for name in mapping.carry_down:
            if name in first:
                line.fields.setdefault(name, first[name])
    status = first.get("status")
    counting = {each.casefold() for each in mapping.statuses}
    if counting and str(status).casefold() not in counting:
        shown = "missing" if status is None else repr(str(status)[:60])
        raise InvalidPurchase(
            "status", f"of this order is {shown}; {', '.join(mapping.statuses)} count"
        )
    if "order_total" in first:
        _spread(lines, _money(first, "order_total"))


def _spread(lines: Sequence[OrderLine], total: Decimal) -> None:
    """The amounts of the lines become shares of the order's total."""
    amounts = [_money(line.fields, "amount") for line in lines if line.problem is None]
    if len(amounts) < len(lines) or sum(amounts) == total:
        return
    if total > sum(amounts):
        raise InvalidPurchase(
            "order_total", f"is {total}, but the lines of the order come to {sum(amounts)} only"
        )
    for line, amount in zip(lines, shares(total, amounts), strict=True):
        line.fields["amount"] = amount


def _refunds(lines: Sequence[OrderLine]) -> list[OrderLine]:
    refunded = lines[0].fields.get("order_refunded")
    if refunded is None or not _money(lines[0].fields, "order_refunded"):
        return []
    if any(line.problem for line in lines):
        raise InvalidPurchase("order_refunded", "cannot be told for a line that is refused")
    amounts = [_money(line.fields, "amount") for line in lines]
    # What goes beyond the lines was shipping or tax.
    given_back = min(_money(lines[0].fields, "order_refunded"), sum(amounts, Decimal(0)))
    return [
        _refund(line, amount)
        for line, amount in zip(lines, shares(given_back, amounts), strict=True)
        if amount
    ]


def _refund(line: OrderLine, amount: Decimal) -> OrderLine:
    purchase_id = line.fields["purchase_id"]
    shared = ("customer_id", "currency")
    fields: dict[str, object] = {n: line.fields[n] for n in shared if n in line.fields}
    fields |= {"purchase_id": purchase_id, "refund_id": f"{purchase_id}-refund"}
    fields["refunded_so_far"] = amount
    return OrderLine(row=replace(line.row, kind=RowKind.REFUND), order=line.order, fields=fields)


def shares(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The total in parts in proportion to the weights, each with the total's decimals, exactly.

    The largest remainders get what is left over. Source: the method of Hamilton.
    """
    whole = sum(weights, Decimal(0))
    if not whole:
        return [Decimal(0) for _ in weights]
    exponents = (value.as_tuple().exponent for value in (total, *weights))
    digits = max((-each for each in exponents if isinstance(each, int)), default=0)
    unit = Decimal(1).scaleb(-max(digits, 0))
    units = int(total / unit)
    exact = [units * int(weight / unit) for weight in weights]
    parts = [each // int(whole / unit) for each in exact]
    rests = [each % int(whole / unit) for each in exact]
    largest = sorted(range(len(weights)), key=lambda place: (-rests[place], place))
    for place in largest[: units - sum(parts)]:
        parts[place] += 1
    return [part * unit for part in parts]


def _money(fields: Mapping[str, object], name: str) -> Decimal:
    amount = finite(fields, name)
    if amount < 0:
        raise InvalidPurchase(name, f"is negative: {amount}")
    return amount
