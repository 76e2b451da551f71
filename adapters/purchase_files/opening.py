"""Open a file of purchases: what it is, its first bytes and its name say, and a mapping the rest."""

from dataclasses import dataclass
from pathlib import Path

from adapters.purchase_files.cells import Cells
from adapters.purchase_files.delimited import DelimitedTable
from adapters.purchase_files.mapping import OURS, FileMapping
from adapters.purchase_files.ndjson import NdjsonTable
from adapters.purchase_files.parquet import ParquetTable
from adapters.purchase_files.plain import Kind, Plain, plain_file
from adapters.purchase_files.purchases import FilePurchases, PurchaseFile
from adapters.purchase_files.table import Table
from domain.errors import Rejected
from domain.purchases import RowKind

_MOST_HEADER = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """What a person says about a file: its mapping, and what its rows are."""

    mapping: FileMapping = OURS
    kind: RowKind = RowKind.PURCHASE


def open_purchase_file(path: Path, options: FileOptions = FileOptions()) -> PurchaseFile:  # frozen
    """The rows of a delimited, NDJSON, JSON, Parquet or Excel file; "-" is standard input.

    Raises:
        Rejected: no such file, another kind of file, or its header cannot be read.
    """
    plain = plain_file(path, encoding=options.mapping.encoding)
    cells = Cells(options.mapping, options.kind)
    notes = plain.notes
    table: Table
    if plain.kind is Kind.NDJSON:
        table = NdjsonTable(plain.path, plain.name)
    elif plain.kind is Kind.PARQUET:
        table = ParquetTable(plain.path, plain.name)
        _check_header(table.header, cells, plain)
    else:
        table = DelimitedTable(
            plain.path, plain.name, delimiter=options.mapping.delimiter, lacking=cells.lacking
        )
        _check_header(table.header, cells, plain)
        cells = Cells(options.mapping, options.kind, decimal_commas=table.delimiter == ";")
        notes = (*notes, *([table.note] if table.note else []))
    return FilePurchases(plain=plain, table=table, cells=cells, notes=notes)


def _check_header(header: tuple[str, ...], cells: Cells, plain: Plain) -> None:
    if lacking := cells.lacking(header):
        found = ", ".join(map(repr, header))[:_MOST_HEADER] or "nothing"
        raise Rejected(
            "file",
            f"{plain.name} lacks the columns {', '.join(lacking)}; its header has {found}. "
            "Where they have other names, say so with --mapping",
        )
    if repeated := cells.repeated(header):
        raise Rejected("file", f"{plain.name} repeats the columns {', '.join(repeated)}")
