"""The recent purchases table: read, updated and rebuilt."""

from adapters.dynamodb.recent.history import recent_history as recent_history
from adapters.dynamodb.recent.marks import MARKS as MARKS
from adapters.dynamodb.recent.marks import Marks as Marks
from adapters.dynamodb.recent.marks import RetentionMarks as RetentionMarks
from adapters.dynamodb.recent.marks import layout_differences as layout_differences
from adapters.dynamodb.recent.stored import read_recent as read_recent
from adapters.dynamodb.recent.stored import stored_recent as stored_recent
from adapters.dynamodb.recent.suppression import SUPPRESSED as SUPPRESSED
from adapters.dynamodb.recent.suppression import is_suppressed as is_suppressed
from adapters.dynamodb.recent.suppression import is_taken as is_taken
from adapters.dynamodb.recent.totals import FIRST as FIRST
from adapters.dynamodb.recent.totals import LAST as LAST
from adapters.dynamodb.recent.update import RecentUpdate as RecentUpdate
from adapters.dynamodb.recent.writing import part_of as part_of
