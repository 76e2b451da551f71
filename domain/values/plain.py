"""Numbers as people and spreadsheets read them."""

from decimal import Decimal


def plain_number(number: float) -> str:
    """The shortest text that reads back as the same float, never in scientific notation."""
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text
