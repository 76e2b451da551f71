"""Purchases in files: CSV, NDJSON and Parquet, read in constant memory."""

from adapters.purchase_files.columns import PurchaseFile as PurchaseFile
from adapters.purchase_files.opening import open_purchase_file as open_purchase_file
