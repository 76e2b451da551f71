"""The recent purchases table: read, updated and rebuilt."""

from adapters.dynamodb.recent.marks import RetentionMarks
from adapters.dynamodb.recent.reader import recent_history
from adapters.dynamodb.recent.suppression import SUPPRESSED, is_taken
from adapters.dynamodb.recent.update import RecentUpdate, forget_actions, write_actions

__all__ = [
    "SUPPRESSED",
    "RecentUpdate",
    "RetentionMarks",
    "forget_actions",
    "is_taken",
    "recent_history",
    "write_actions",
]
