"""How documents are named and spelled in the object store."""

from model_registry.storage.canonical import (
    Count,
    Number,
    Sha256,
    Text,
    canonical,
    check_canonical,
    decoded,
)
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
    "Count",
    "Number",
    "Sha256",
    "Text",
    "blob_key",
    "canonical",
    "check_canonical",
    "check_name",
    "decoded",
    "log_prefix",
    "manifest_key",
    "numbers",
    "revision_key",
    "statuses_prefix",
]
