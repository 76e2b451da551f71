"""Purchases in files: CSV, NDJSON and Parquet, read in constant memory."""

from adapters.purchase_files.columns import PurchaseFile
from adapters.purchase_files.opening import open_purchase_file

__all__ = ["PurchaseFile", "open_purchase_file"]
