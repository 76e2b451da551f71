"""How tables, indexes and attributes are laid out."""

from adapters.dynamodb.schema.attributes import (
    KEPT,
    OVERFLOW,
    category_shard,
    day_attribute,
    day_capacity,
    decode_days,
    encode_element,
    encode_hash,
    kept_attribute,
    shard_name,
    stored_hashes,
    ttl_seconds,
)
from adapters.dynamodb.schema.models import (
    ByCategory,
    ByTime,
    CategoryRow,
    IntegerAttribute,
    PurchaseRow,
    RecentRow,
)

__all__ = [
    "KEPT",
    "OVERFLOW",
    "ByCategory",
    "ByTime",
    "CategoryRow",
    "IntegerAttribute",
    "PurchaseRow",
    "RecentRow",
    "category_shard",
    "day_attribute",
    "day_capacity",
    "decode_days",
    "encode_element",
    "encode_hash",
    "kept_attribute",
    "shard_name",
    "stored_hashes",
    "ttl_seconds",
]
