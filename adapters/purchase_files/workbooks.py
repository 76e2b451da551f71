"""Excel workbooks, through python-calamine; imported only once one is opened."""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path

from domain.errors import Rejected


def write_sheet(path: Path, name: str, copy: Path) -> None:
    """Writes the first sheet as CSV: dates as Excel shows them, whole numbers without decimals.

    Raises:
        Rejected: it is no workbook, or python-calamine is not installed.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415  # an extra
    except ImportError as exc:
        raise Rejected(
            "file", "reading workbooks needs python-calamine: pip install 'propensity[local]'"
        ) from exc
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheet = book.get_sheet_by_index(0)
            with copy.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                for row in sheet.iter_rows():
                    cells = [_cell(value) for value in row]
                    writer.writerow(cells if any(cells) else [])
    except (CalamineError, IndexError) as exc:
        raise Rejected("file", f"{name} is a zip archive but no workbook: {exc}") from exc


def _cell(value: object) -> str:
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 10**15  # Excel keeps 15 digits
        return str(int(value)) if whole else repr(value)
    if isinstance(value, datetime):
        # Excel keeps days as floats: a millisecond is as exact as they are.
        rounded = value + timedelta(microseconds=500)
        return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\r\n", "\n") if value is not None else ""
