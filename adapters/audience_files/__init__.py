"""Audiences as files: CSV, NDJSON, Parquet, and what campaign tools import."""

from adapters.audience_files.bucket import BucketFiles as BucketFiles
from adapters.audience_files.bucket import open_bucket_files as open_bucket_files
from adapters.audience_files.opening import AudienceFiles as AudienceFiles
from adapters.audience_files.opening import open_audience_files as open_audience_files
