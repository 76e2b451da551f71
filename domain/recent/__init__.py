"""Recent purchases: one small item per customer, and when it may be trusted."""

from domain.recent.first import RecentFirst
from domain.recent.history import RecentHistory
from domain.recent.ports import RecentBatch, RecentPurchases, RecentRebuilder, TableSize
from domain.recent.shared_reads import SharedReads
from domain.recent.verification import Difference, VerifyRecent

__all__ = [
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
