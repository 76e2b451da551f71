"""How items are laid out: the shard and the hashes of a category, the element of a day's set."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from domain.errors import CorruptRecord
from domain.purchases import (
    MAX_CATEGORY_BYTES,
    MAX_PURCHASE_ID_BYTES,
    Purchase,
    PurchaseColumns,
    Refund,
)
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND

KEPT = "k"
"""How the name of an attribute begins that tells of one retention."""
PURCHASES_KEPT = "p"
"""How the name of an attribute begins that tells of one retention of the purchases themselves."""
CATEGORY_COUNT = "c:"
"""How the name of an attribute begins that counts the purchases of one category."""
REFUND = "-"
"""How the element of a refund begins; that of a purchase begins with a digit."""
OVERFLOW = "+"
"""The element of a day's set that says: this day has purchases that are not in the set."""
_BETWEEN = "\t"
"""What stands between the parts of an element: no category and no id can hold it."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
PARTITIONS_PER_SHARD = (1, 2, 4, 8, 16, 32)
"""Over how many partitions of the index a category may spread each of its shards.

Powers of two, so that a raise leaves each customer in their shard. A page asks all of them.
"""
MAX_ELEMENT_BYTES = len("13owbunz\tcre66i9s\t\t") + MAX_CATEGORY_BYTES + MAX_PURCHASE_ID_BYTES
ITEM_BUDGET_BYTES = 300_000
"""Room for day sets in one item of 400 KB; the rest is for counts of a thousand categories.

Source: AWS, DynamoDB quotas.
"""
_IN_PATHS = str.maketrans({character: f"%{ord(character):02X}" for character in "%.[]"})
"""What means something in the path of an attribute."""


def category_shard(category: str, customer_id: str, partitions: int) -> str:
    """The index partition of a customer in a category that is spread over so many.

    Of `n * shards` partitions, those of a shard are every `shards`-th from the shard's number on.
    """
    return partition_name(category, shard_of(customer_id, partitions))


def shard_of(customer_id: str, shards: int) -> int:
    """The shard of a customer, in every category."""
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) % shards


def partition_name(category: str, number: int) -> str:
    """The index partition of this number."""
    return f"{category}#{number:03d}"


def stored_partitions_per_shard(item: Mapping[str, Any]) -> int:
    """Over how many partitions of the index a category's item spreads each of its shards.

    Raises:
        CorruptRecord: over none of the numbers that there may be.
    """
    stored = item.get("partitions_per_shard", {}).get("N", "1")
    if stored not in map(str, PARTITIONS_PER_SHARD):
        raise CorruptRecord(f"a category spreads each shard over {stored} partitions of the index")
    return int(stored)


def day_capacity(days_kept: int) -> int:
    """How many purchases one day's set takes, so that no item can outgrow DynamoDB's limit."""
    return max(1, ITEM_BUDGET_BYTES // ((days_kept + 2) * MAX_ELEMENT_BYTES))


def day_attribute(day: int) -> str:
    """The name of the attribute that holds one UTC day's purchases."""
    return f"d{day}"


def kept_attribute(days: int) -> str:
    """The name of the attribute that holds the last day on which `days` days were kept."""
    return f"{KEPT}{days}"


def purchases_kept_attribute(days: int) -> str:
    """The name of the attribute that holds when purchases were last written to be kept so long."""
    return f"{PURCHASES_KEPT}{days}"


def category_attribute(category: str) -> str:
    """The name of the attribute that counts the purchases of a category."""
    return CATEGORY_COUNT + category.translate(_IN_PATHS)


def category_of(attribute: str) -> str:
    """The category that an attribute of this name counts."""
    return unquote(attribute.removeprefix(CATEGORY_COUNT))


def ttl_seconds(instant: int) -> int:
    """The instant as TTL wants it, in seconds since the epoch, not earlier."""
    return -(-instant // MICROS_PER_SECOND)


def encode_elements(purchase: Purchase) -> list[str]:
    """One purchase as elements of its day's set: its own first, then one for each refund."""
    return [
        _purchase_element(purchase),
        *(refund_element(purchase.purchase_id, refund) for refund in purchase.refunds),
    ]


def refund_element(purchase_id: str, refund: Refund) -> str:
    """One refund as an element of its purchase's day: instant, amount, ids."""
    at, amount = _short(refund.refunded_at), _short(refund.amount_minor)
    return _BETWEEN.join((REFUND + at, amount, refund.refund_id, purchase_id))


def _purchase_element(purchase: Purchase) -> str:
    """Time of day, amount, category, id."""
    at, amount = _short(purchase.purchased_at % MICROS_PER_DAY), _short(purchase.amount_minor)
    return _BETWEEN.join((at, amount, purchase.category, purchase.purchase_id))


def _short(number: int) -> str:
    """A number that is not negative, to the base of 36: each byte of an item is paid for."""
    digits = ""
    while number >= _BASE:
        number, digit = divmod(number, _BASE)
        digits = _DIGITS[digit] + digits
    return _DIGITS[number] + digits


def decode_days(sets: Mapping[int, Sequence[str]], *, customer_id: str) -> PurchaseColumns:
    """One customer's purchases out of the elements of each UTC day's set.

    One plain loop, since this is most of what reading an audience costs.

    Raises:
        CorruptRecord: an element holds none.
    """
    purchase_id: list[str] = []
    purchased_at: list[int] = []
    category: list[str] = []
    amount_minor: list[int] = []
    refunds: dict[str, list[Refund]] = {}
    for day, elements in sets.items():
        midnight = day * MICROS_PER_DAY
        for element in elements:
            try:
                time_of_day, amount, name, identifier = element.split(_BETWEEN)
                time, minor = int(time_of_day, _BASE), int(amount, _BASE)
            except ValueError:
                raise _no_purchase(element, day) from None
            if not (0 <= time < MICROS_PER_DAY and minor >= 0 and name and identifier):
                if not (time < 0 < minor and name and identifier):
                    raise _no_purchase(element, day)
                refunds.setdefault(identifier, []).append(Refund(-time, name, minor))
                continue
            purchased_at.append(midnight + time)
            amount_minor.append(minor)
            category.append(name)
            purchase_id.append(identifier)
    return PurchaseColumns(
        customer_id=customer_id,
        purchase_id=purchase_id,
        purchased_at=purchased_at,
        category=category,
        amount_minor=amount_minor,
        refunds={purchase: tuple(sorted(known)) for purchase, known in refunds.items()},
    )


def why_unreadable(what: str, exc: KeyError | ValueError) -> CorruptRecord:
    """The error of an item that lacks something, or holds a number that is none."""
    if isinstance(exc, KeyError):
        return CorruptRecord(f"{what} lacks the attribute {exc.args[0]}")
    return CorruptRecord(f"{what} holds a number that is none")


def _no_purchase(element: str, day: int) -> CorruptRecord:
    return CorruptRecord(f"element {element!r} of day {day} is no purchase")


def encode_hash(number: int) -> str:
    """One of a category's hashes as an element of its set."""
    return f"{number:016x}"


def stored_hashes(item: Mapping[str, Any]) -> set[int]:
    """The hashes by which a category's item counts its customers.

    Raises:
        CorruptRecord: an element is no hash.
    """
    try:
        return {int(number, 16) for number in item.get("smallest", {}).get("SS", ())}
    except ValueError as exc:
        raise CorruptRecord("a category counts its customers by something else") from exc
