"""Recent purchases: one small item per customer, and when it may be trusted."""

from domain.recent.first import ByTime as ByTime
from domain.recent.first import RecentFirst as RecentFirst
from domain.recent.history import RecentHistory as RecentHistory
from domain.recent.listed import as_listed as as_listed
from domain.recent.ports import BATCH_CUSTOMERS as BATCH_CUSTOMERS
from domain.recent.ports import RecentBatch as RecentBatch
from domain.recent.ports import RecentPurchases as RecentPurchases
from domain.recent.ports import RecentRebuilder as RecentRebuilder
from domain.recent.ports import TableSize as TableSize
from domain.recent.shared_reads import SharedReads as SharedReads
