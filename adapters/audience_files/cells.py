"""Cells of CSV files: what no spreadsheet may run, and what is an e-mail address."""

import csv
import re
from collections.abc import Iterable

_ESCAPED = tuple("=+-@\t\r\n\0'")
"""What a spreadsheet would run, and the mark itself, so that taking one off gives the text."""
_EMAIL = re.compile(
    r"(?![=+'-])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[\w-]+(?:\.[\w-]+)+"  # ASCII before the @
)
_MAX_EMAIL_BYTES = 254


def text_cell(text: str) -> str:
    """The text, behind a ' where a spreadsheet would run it as a formula.

    Source: OWASP ASVS 5.0, 1.2.10; for CR and LF: OWASP, CSV Injection.
    """
    return f"'{text}" if text.startswith(_ESCAPED) else text


def is_email(text: str) -> bool:
    """Whether campaign tools take it as an e-mail address, and a spreadsheet takes it as text.

    Source: HTML, valid e-mail address, with a dot in the domain, which may be international;
    RFC 5321, 4.5.3.1.3 for the length, which is within Mailchimp's 255 bytes.
    """
    return _EMAIL.fullmatch(text) is not None and len(text.encode()) <= _MAX_EMAIL_BYTES


class _Lines(list[bytes]):
    def write(self, line: str) -> None:
        self.append(line.encode())


def csv_lines(rows: Iterable[Iterable[object]]) -> list[bytes]:
    """One line per row, in UTF-8; floats in full precision. Source: RFC 4180."""
    lines = _Lines()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return lines
