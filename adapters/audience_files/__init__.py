"""Audiences as files: CSV, NDJSON, Parquet, and what campaign tools import."""

from adapters.audience_files.opening import AudienceFiles, open_audience_files

__all__ = ["AudienceFiles", "open_audience_files"]
