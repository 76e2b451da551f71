"""How items are laid out: the shard and the hashes of a category, the element of a day's set."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from domain.errors import CorruptRecord
from domain.history import PurchaseColumns
from domain.instant import MICROS_PER_DAY, MICROS_PER_SECOND
from domain.purchase import MAX_CATEGORY_BYTES, MAX_PURCHASE_ID_BYTES, Purchase

OVERFLOW = "+"
"""The element of a day's set that says: this day has purchases that are not in the set."""
MAX_ELEMENT_BYTES = (
    len("86399999999|1000000000000|64|") + MAX_CATEGORY_BYTES + MAX_PURCHASE_ID_BYTES
)
ITEM_BUDGET_BYTES = 350_000
"""Room for day sets in one item of 400 KB. Source: AWS, DynamoDB quotas."""


def category_shard(category: str, customer_id: str, shards: int) -> str:
    """The index partition of a customer in a category: the same shard in every category."""
    digest = hashlib.blake2b(customer_id.encode(), digest_size=8).digest()
    return shard_name(category, int.from_bytes(digest) % shards)


def shard_name(category: str, shard: int) -> str:
    """The index partition of one shard of a category."""
    return f"{category}#{shard:03d}"


def day_capacity(days_kept: int) -> int:
    """How many purchases one day's set takes, so that no item can outgrow DynamoDB's limit."""
    return max(1, ITEM_BUDGET_BYTES // ((days_kept + 2) * MAX_ELEMENT_BYTES))


def day_attribute(day: int) -> str:
    """The name of the attribute that holds one UTC day's purchases."""
    return f"d{day}"


def kept_attribute(days: int) -> str:
    """The name of the attribute that holds the last day on which `days` days were kept."""
    return f"k{days}"


def ttl_seconds(instant: int) -> int:
    """The instant as TTL wants it, in seconds since the epoch, not earlier."""
    return -(-instant // MICROS_PER_SECOND)


def encode_element(purchase: Purchase) -> str:
    """One purchase as an element of its day's set: time of day, amount, category, id."""
    time_of_day = purchase.purchased_at % MICROS_PER_DAY
    head = f"{time_of_day}|{purchase.amount_minor}|{len(purchase.category)}|"
    return head + purchase.category + purchase.purchase_id


def decode_elements(
    elements: Sequence[str], days: Sequence[int], *, customer_id: str
) -> PurchaseColumns:
    """One customer's purchases out of the elements of sets, each with the day of its set.

    Columns at a time, since this is most of what reading an audience costs.

    Raises:
        CorruptRecord: an element holds none.
    """
    try:
        parts = [element.split("|", 3) for element in elements]
        times = [int(part[0]) for part in parts]
        amounts = [int(part[1]) for part in parts]
        cuts = [int(part[2]) for part in parts]
        texts = [part[3] for part in parts]
    except (ValueError, IndexError):
        raise _no_purchase(elements, days) from None
    if parts and not (
        min(times) >= 0
        and max(times) < MICROS_PER_DAY
        and min(cuts) >= 0
        and all(cut < len(text) for cut, text in zip(cuts, texts, strict=True))
    ):
        raise _no_purchase(elements, days)
    return PurchaseColumns(
        customer_id=customer_id,
        purchase_id=[text[cut:] for cut, text in zip(cuts, texts, strict=True)],
        purchased_at=[day * MICROS_PER_DAY + time for day, time in zip(days, times, strict=True)],
        category=[text[:cut] for cut, text in zip(cuts, texts, strict=True)],
        amount_minor=amounts,
    )


def _no_purchase(elements: Sequence[str], days: Sequence[int]) -> CorruptRecord:
    """The error that names the first element that is none."""
    element, day = next(
        (element, day)
        for element, day in zip(elements, days, strict=True)
        if not _is_purchase(element)
    )
    return CorruptRecord(f"element {element!r} of day {day} is no purchase")


def _is_purchase(element: str) -> bool:
    match element.split("|", 3):
        case [time, amount, cut, text] if all(map(_is_whole, (time, amount, cut))):
            return 0 <= int(time) < MICROS_PER_DAY and 0 <= int(cut) < len(text)
        case _:
            return False


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


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
