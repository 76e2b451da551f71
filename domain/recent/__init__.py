"""Recent purchases: one small item per customer, and when it may be trusted."""

from domain.recent.first import RecentFirst
from domain.recent.history import RecentHistory
from domain.recent.ports import (
    BATCH_CUSTOMERS,
    RecentBatch,
    RecentPurchases,
    RecentRebuilder,
    TableSize,
)
from domain.recent.shared_reads import SharedReads

__all__ = [
    "BATCH_CUSTOMERS",
    "RecentBatch",
    "RecentFirst",
    "RecentHistory",
    "RecentPurchases",
    "RecentRebuilder",
    "SharedReads",
    "TableSize",
]
