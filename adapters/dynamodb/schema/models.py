"""The tables: these PynamoDB models are their only declaration.

`purchases` is the truth. `recent_purchases` is derived: one item per customer. It
has one String Set `d<epoch day>` per UTC day, and a number `k<days kept>`: the last day written
with that retention. A number `c:<category>` counts the purchases of each category. No model can list
these attributes.
"""

from typing import Any

from pynamodb.attributes import (
    Attribute,
    ListAttribute,
    MapAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import NUMBER
from pynamodb.indexes import (
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)
from pynamodb.models import Model


class IntegerAttribute(Attribute[int]):
    """An exact integer; PynamoDB's own NumberAttribute turns decimals into floats."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """The number as DynamoDB stores it."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """The integer.

        Raises:
            ValueError: the stored number is no integer.
        """
        return int(value)


class ByTime(LocalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    """One customer's purchases by time, with exactly what features need."""

    class Meta:
        """Index settings."""

        index_name = "by_time"
        projection = IncludeProjection(["category", "amount_minor", "refunds"])

    customer_id = UnicodeAttribute(hash_key=True)
    purchased_at = IntegerAttribute(range_key=True)


class ByCategory(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # as above
    """Who ever bought in a category; each partition arrives ordered by customer."""

    class Meta:
        """Index settings."""

        index_name = "by_category"
        projection = KeysOnlyProjection()

    category_shard = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute(range_key=True)


class RefundMap(MapAttribute[Any, Any]):
    """One refund of a purchase, in the purchase's item."""

    refund_id = UnicodeAttribute()
    refunded_at = IntegerAttribute()
    amount_minor = IntegerAttribute()


class PurchaseRow(Model):
    """One purchase; the item is its own idempotency record.

    Refunds that came before their purchase stand in an item with nothing else but `expires_at`.

    Where purchases are not kept for ever, TTL drops it after `expires_at` (seconds since the epoch);
    as that depends on a setting, it is no TTLAttribute. A cancelled one keeps only its key,
    `expires_at` and `cancelled_at` (microseconds since the epoch, UTC). So it is in no index and is
    never recorded again.
    """

    class Meta:
        """Table settings; connection settings are bound by client.py."""

        table_name = "purchases"
        billing_mode = "PAY_PER_REQUEST"

    customer_id = UnicodeAttribute(hash_key=True)
    purchase_id = UnicodeAttribute(range_key=True)
    purchased_at = IntegerAttribute()
    category = UnicodeAttribute()
    amount_minor = IntegerAttribute()
    category_shard = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    refunds = ListAttribute(of=RefundMap, null=True)
    cancelled_at = IntegerAttribute(null=True)
    expires_at = IntegerAttribute(null=True)
    by_time = ByTime()
    by_category = ByCategory()


class RecentRow(Model):
    """One customer's recent purchases, and the totals of all: see `domain.purchases.Lifetime`.

    Where purchases are not kept for ever there are no totals, and TTL drops the item when the
    customer stops buying. Every write adds one to `writes`, so that who read the item can tell whether it is still so.
    Of an erased customer it holds `suppressed_until` (microseconds since the epoch, UTC) instead,
    and is dropped by TTL after that; while the erasure is unfinished it has no TTL.
    """

    class Meta:
        """Table settings; connection settings are bound by client.py."""

        table_name = "recent_purchases"
        billing_mode = "PAY_PER_REQUEST"

    customer_id = UnicodeAttribute(hash_key=True)
    expires_at = TTLAttribute(null=True)
    purchases = IntegerAttribute(null=True, attr_name="n")
    volume_minor = IntegerAttribute(null=True, attr_name="v")
    first_at = IntegerAttribute(null=True, attr_name="f")
    last_at = IntegerAttribute(null=True, attr_name="l")
    refunded_until = IntegerAttribute(null=True, attr_name="r")
    writes = IntegerAttribute(null=True)
    suppressed_until = IntegerAttribute(null=True)


class CategoryRow(Model):
    """One category ever bought in; written before the first purchase of the category.

    `smallest` holds hashes of its customers, in hexadecimal: see sketch.py. Without
    `partitions_per_shard` it is one. It is a power of two and never gets smaller: who reads less
    partitions than were ever written to misses customers.
    """

    class Meta:
        """Table settings; connection settings are bound by client.py."""

        table_name = "categories"
        billing_mode = "PAY_PER_REQUEST"

    category = UnicodeAttribute(hash_key=True)
    smallest = UnicodeSetAttribute(null=True)
    partitions_per_shard = IntegerAttribute(null=True)


class KeyRow(Model):
    """One key, without its secret: `sha256` is of the whole key as it is sent, in hexadecimal.

    Instants in microseconds since the epoch, UTC; `last_used` is a day since the epoch. Revoked and
    expired keys stay.
    """

    class Meta:
        """Table settings; connection settings are bound by client.py."""

        table_name = "keys"
        billing_mode = "PAY_PER_REQUEST"

    key_id = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    actor = UnicodeAttribute()
    scopes = UnicodeSetAttribute()
    origins = UnicodeSetAttribute(null=True)
    rate_per_second = IntegerAttribute()
    rate_burst = IntegerAttribute()
    sha256 = UnicodeAttribute()
    created_at = IntegerAttribute()
    expires_at = IntegerAttribute(null=True)
    revoked_at = IntegerAttribute(null=True)
    previous_sha256 = UnicodeAttribute(null=True)
    previous_until = IntegerAttribute(null=True)
    last_used = IntegerAttribute(null=True)
    writes = IntegerAttribute()
