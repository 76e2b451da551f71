"""Which reader a file needs, by the ending of its name."""

from pathlib import Path

from adapters.purchase_files.columns import PurchaseFile
from adapters.purchase_files.delimited import CsvPurchases
from adapters.purchase_files.ndjson import NdjsonPurchases
from adapters.purchase_files.parquet import ParquetPurchases
from domain.errors import Rejected


def open_purchase_file(path: Path) -> PurchaseFile:
    """The purchases of a CSV, NDJSON or Parquet file.

    Raises:
        Rejected: no such file, another kind of file, or its header cannot be read.
    """
    if not path.is_file():
        raise Rejected("file", f"{path} is no file" if path.exists() else f"{path} does not exist")
    match path.suffix.lower():
        case ".csv":
            return CsvPurchases(path)
        case ".ndjson" | ".jsonl":
            return NdjsonPurchases(path)
        case ".parquet":
            return ParquetPurchases(path)
    raise Rejected("file", f"{path.name} must end in .csv, .ndjson (or .jsonl) or .parquet")
