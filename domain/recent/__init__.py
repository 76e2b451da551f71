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
from domain.recent.verification import Difference, VerifyRecent

__all__ = [
    "BATCH_CUSTOMERS",
    "Difference",
    "RecentBatch",
    "RecentFirst",
    "RecentHistory",
    "RecentPurchases",
    "RecentRebuilder",
    "SharedReads",
    "TableSize",
    "VerifyRecent",
]
