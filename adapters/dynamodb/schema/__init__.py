"""How tables, indexes and attributes are laid out."""

from adapters.dynamodb.schema.attributes import CATEGORY_COUNT as CATEGORY_COUNT
from adapters.dynamodb.schema.attributes import KEPT as KEPT
from adapters.dynamodb.schema.attributes import PARTITIONS_PER_SHARD as PARTITIONS_PER_SHARD
from adapters.dynamodb.schema.attributes import PURCHASES_KEPT as PURCHASES_KEPT
from adapters.dynamodb.schema.attributes import category_attribute as category_attribute
from adapters.dynamodb.schema.attributes import category_of as category_of
from adapters.dynamodb.schema.attributes import category_shard as category_shard
from adapters.dynamodb.schema.attributes import day_attribute as day_attribute
from adapters.dynamodb.schema.attributes import day_capacity as day_capacity
from adapters.dynamodb.schema.attributes import encode_hash as encode_hash
from adapters.dynamodb.schema.attributes import kept_attribute as kept_attribute
from adapters.dynamodb.schema.attributes import partition_name as partition_name
from adapters.dynamodb.schema.attributes import purchases_kept_attribute as purchases_kept_attribute
from adapters.dynamodb.schema.attributes import shard_of as shard_of
from adapters.dynamodb.schema.attributes import stored_hashes as stored_hashes
from adapters.dynamodb.schema.attributes import (
    stored_partitions_per_shard as stored_partitions_per_shard,
)
from adapters.dynamodb.schema.attributes import ttl_seconds as ttl_seconds
from adapters.dynamodb.schema.attributes import why_unreadable as why_unreadable
from adapters.dynamodb.schema.elements import OVERFLOW as OVERFLOW
from adapters.dynamodb.schema.elements import category_number as category_number
from adapters.dynamodb.schema.elements import decode_days as decode_days
from adapters.dynamodb.schema.elements import encode_elements as encode_elements
from adapters.dynamodb.schema.elements import is_purchase as is_purchase
from adapters.dynamodb.schema.elements import refund_element as refund_element
from adapters.dynamodb.schema.models import ByCategory as ByCategory
from adapters.dynamodb.schema.models import ByTime as ByTime
from adapters.dynamodb.schema.models import CategoryRow as CategoryRow
from adapters.dynamodb.schema.models import IntegerAttribute as IntegerAttribute
from adapters.dynamodb.schema.models import KeyRow as KeyRow
from adapters.dynamodb.schema.models import PurchaseRow as PurchaseRow
from adapters.dynamodb.schema.models import RecentRow as RecentRow
from adapters.dynamodb.schema.models import RefundMap as RefundMap
from adapters.dynamodb.schema.requests import Expression as Expression
from adapters.dynamodb.schema.requests import item_of as item_of
from adapters.dynamodb.schema.requests import keyed as keyed
from adapters.dynamodb.schema.requests import put as put
