"""How documents are named and spelled in the object store."""

from model_registry.storage.canonical import Fields, canonical, check_canonical
from model_registry.storage.layout import (
    blob_key,
    check_name,
    log_prefix,
    manifest_key,
    numbers,
    revision_key,
    statuses_prefix,
)

__all__ = [
    "Fields",
    "blob_key",
    "canonical",
    "check_canonical",
    "check_name",
    "log_prefix",
    "manifest_key",
    "numbers",
    "revision_key",
    "statuses_prefix",
]
