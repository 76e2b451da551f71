"""How items are laid out: the shard and the hashes of a category, and what attributes are called."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from adapters.dynamodb.schema.elements import MAX_ELEMENT_BYTES
from domain.errors import CorruptRecord
from domain.values import MICROS_PER_SECOND

KEPT = "k"
"""How the name of an attribute begins that tells of one retention."""
PURCHASES_KEPT = "p"
"""How the name of an attribute begins that tells of one retention of the purchases themselves."""
CATEGORY_COUNT = "c:"
"""How the name of an attribute begins that counts the purchases of one category."""
PARTITIONS_PER_SHARD = (1, 2, 4, 8, 16, 32)
"""Over how many partitions of the index a category may spread each of its shards.

Powers of two, so that a raise leaves each customer in their shard. A page asks all of them.
"""
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


@lru_cache(maxsize=10_000)
def category_of(attribute: str) -> str:
    """The category that an attribute of this name counts."""
    return unquote(attribute.removeprefix(CATEGORY_COUNT))


def ttl_seconds(instant: int) -> int:
    """The instant as TTL wants it, in seconds since the epoch, not earlier."""
    return -(-instant // MICROS_PER_SECOND)


def why_unreadable(what: str, exc: KeyError | ValueError) -> CorruptRecord:
    """The error of an item that lacks something, or holds a number that is none."""
    if isinstance(exc, KeyError):
        return CorruptRecord(f"{what} lacks the attribute {exc.args[0]}")
    return CorruptRecord(f"{what} holds a number that is none")


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
