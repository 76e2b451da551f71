"""The elements of a day's set in the recent item: each one purchase or one refund, in few bytes.

Each byte of the item is paid for with every purchase. Of 18 bytes, eight are the time of day and the
amount, two a number for the category, and eight the id. The number is a hash of the category's name.
The item has the names beside, where it counts the purchases of each. DynamoDB sends bytes as
base64, and so are elements here: 24 characters, which are decoded together.
"""

import struct
from binascii import Error, a2b_base64, b2a_base64
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

from domain.errors import CorruptRecord
from domain.purchases import Purchase, PurchaseColumns, Refund
from domain.recent.listed import DIGEST_BYTES, id_bytes, listed_id
from domain.values import MICROS_PER_DAY

OVERFLOW = "Kw=="
"""The element of a day's set that says: this day has purchases that are not in the set."""
_PURCHASE = struct.Struct(">QH8s")
"""Flags, time of day and the low bits of the amount; the category; the id."""
_LARGE = struct.Struct(">QH8s3s")
"""And the high bits of the amount, where there are any."""
_REFUND = struct.Struct(">Q8s8s5s")
"""Flags and instant; the ids of the purchase and of the refund; the amount."""
MAX_ELEMENT_BYTES = _REFUND.size
_NO_DAYS = frozenset[int]()
CHARACTERS = 24
"""Of a purchase; any other element has more or less."""
AMOUNT_BITS, TIME_BITS = 24, 37
_AMOUNT, _TIME = (1 << AMOUNT_BITS) - 1, (1 << TIME_BITS) - 1
_INSTANT = (1 << 59) - 1
SHORT_ID, _SHORT_REFUND_ID = 1 << 61, 1 << 60
"""The flags of ids that are no digest."""


def encode_elements(purchase: Purchase) -> list[str]:
    """One purchase as elements of its day's set: its own first, then one for each refund."""
    return [
        _purchase_element(purchase),
        *(refund_element(purchase.purchase_id, refund) for refund in purchase.refunds),
    ]


def _purchase_element(purchase: Purchase) -> str:
    amount, listed = purchase.amount_minor, id_bytes(purchase.purchase_id)
    head = (purchase.purchased_at % MICROS_PER_DAY) << AMOUNT_BITS | amount & _AMOUNT
    if len(listed) != DIGEST_BYTES:
        head |= SHORT_ID
    number = category_number(purchase.category)
    if high := amount >> AMOUNT_BITS:
        return _text(_LARGE.pack(head, number, listed, high.to_bytes(3)))
    return _text(_PURCHASE.pack(head, number, listed))


def refund_element(purchase_id: str, refund: Refund) -> str:
    """One refund as an element of its purchase's day."""
    of, named = id_bytes(purchase_id), id_bytes(refund.refund_id)
    head = refund.refunded_at
    if len(of) != DIGEST_BYTES:
        head |= SHORT_ID
    if len(named) != DIGEST_BYTES:
        head |= _SHORT_REFUND_ID
    return _text(_REFUND.pack(head, of, named, refund.amount_minor.to_bytes(5)))


def is_purchase(element: str) -> bool:
    """Whether an element of a day's set holds a purchase."""
    return element != OVERFLOW and len(a2b_base64(element)) != _REFUND.size


@lru_cache(maxsize=10_000)
def category_number(category: str) -> int:
    """The number by which elements name a category; seldom that of another one too."""
    return int.from_bytes(blake2b(category.encode(), digest_size=2).digest())


def decode_days(
    sets: Mapping[int, Sequence[str]], categories: Sequence[str], *, customer_id: str
) -> tuple[PurchaseColumns, frozenset[int]]:
    """One customer's purchases, of these categories, out of the elements of each UTC day's set.

    Also the days of which it is not known in which of two categories something was bought: of those
    nothing is told. One plain loop, since this is most of what reading an audience costs.

    Raises:
        CorruptRecord: an element holds none, or is of a category that the item does not name.
    """
    midnights: list[int] = []
    plain: list[str] = []
    for day, elements in sets.items():
        plain += elements
        midnights += [day * MICROS_PER_DAY] * len(elements)
    text = "".join(plain)
    names = {category_number(category): category for category in categories}
    if len(text) != CHARACTERS * len(plain) or len(names) < len(categories):
        return _decode_all(sets, categories, customer_id)
    try:
        return _columns(midnights, text, names, customer_id), _NO_DAYS
    except (Error, struct.error, ValueError, KeyError):
        raise _no_purchase() from None


def _columns(
    midnights: Sequence[int], text: str, names: Mapping[int, str], customer_id: str
) -> PurchaseColumns:
    """The purchases in the elements of this text, one for each midnight.

    Raises:
        ValueError: something is no purchase, as are the errors of what it calls.
    """
    purchase_id: list[str] = []
    purchased_at: list[int] = []
    category: list[str] = []
    amount_minor: list[int] = []
    rows = zip(midnights, _PURCHASE.iter_unpack(a2b_base64(text)), strict=True)
    for midnight, (head, number, listed) in rows:
        time = head >> AMOUNT_BITS
        if head < SHORT_ID:
            purchase_id.append(listed.hex())
        else:
            time &= _TIME
            purchase_id.append(listed_id(listed.rstrip(b"\0")))
        if time >= MICROS_PER_DAY:
            raise ValueError("no day has this time")
        purchased_at.append(midnight + time)
        category.append(names[number])
        amount_minor.append(head & _AMOUNT)
    return PurchaseColumns(customer_id, purchase_id, purchased_at, category, amount_minor)


def _decode_all(
    sets: Mapping[int, Sequence[str]], categories: Sequence[str], customer_id: str
) -> tuple[PurchaseColumns, frozenset[int]]:
    """As `decode_days`, with what is seldom there: refunds, large amounts, shared numbers."""
    high_bits: list[tuple[int, int]] = []
    refunds: dict[str, list[Refund]] = {}
    plain: dict[int, list[str]] = {}
    count = 0
    try:
        unclear = _unclear(sets, categories)
        for day in sets.keys() - unclear:
            plain[day] = []
            for element in sets[day]:
                if len(element) != CHARACTERS:
                    if (high := _other(element, refunds)) is None:
                        continue
                    high_bits.append((count, high))
                plain[day].append(element[:CHARACTERS])
                count += 1
    except (Error, struct.error, ValueError):
        raise _no_purchase() from None
    names = {category_number(category): category for category in categories}
    columns, _ = decode_days(plain, list(names.values()), customer_id=customer_id)
    for position, high in high_bits:
        columns.amount_minor[position] += high << AMOUNT_BITS
    columns.refunds = {purchase: tuple(sorted(known)) for purchase, known in refunds.items()}
    return columns, unclear


def _unclear(sets: Mapping[int, Sequence[str]], categories: Sequence[str]) -> frozenset[int]:
    """The days with a purchase whose number several of the categories have."""
    numbers = Counter(map(category_number, categories))
    return frozenset(
        day
        for day, elements in sets.items()
        for element in elements
        if is_purchase(element)
        and numbers[_PURCHASE.unpack(a2b_base64(element[:CHARACTERS]))[1]] > 1
    )


def _other(element: str, refunds: dict[str, list[Refund]]) -> int | None:
    """The high bits of a large amount; None: it is a refund, and now among the others.

    Raises:
        ValueError: it is neither.
    """
    content = a2b_base64(element)
    if len(content) == _LARGE.size:
        return int.from_bytes(_LARGE.unpack(content)[3])
    head, of, named, amount = _REFUND.unpack(content)
    if head & SHORT_ID:
        of = of.rstrip(b"\0")
    if head & _SHORT_REFUND_ID:
        named = named.rstrip(b"\0")
    refund = Refund(head & _INSTANT, listed_id(named), int.from_bytes(amount))
    if not refund.amount_minor:
        raise ValueError("a refund of nothing")
    refunds.setdefault(listed_id(of), []).append(refund)
    return None


def _no_purchase() -> CorruptRecord:
    return CorruptRecord(
        "an element of a day's set is no purchase of the categories that are named"
    )


def _text(content: bytes) -> str:
    return b2a_base64(content, newline=False).decode()
