"""The recent purchases table: read, updated and rebuilt."""

from adapters.dynamodb.recent.marks import RetentionMarks as RetentionMarks
from adapters.dynamodb.recent.reader import recent_history as recent_history
from adapters.dynamodb.recent.suppression import SUPPRESSED as SUPPRESSED
from adapters.dynamodb.recent.suppression import is_taken as is_taken
from adapters.dynamodb.recent.update import RecentUpdate as RecentUpdate
from adapters.dynamodb.recent.update import forget_actions as forget_actions
from adapters.dynamodb.recent.update import write_actions as write_actions
