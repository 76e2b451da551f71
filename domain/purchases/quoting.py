"""Quote what a sender sent, in part, as the sender knows it and not as Python does."""

import json
from decimal import Decimal

QUOTED_CHARACTERS = 60


def quote(value: object) -> str:
    """The value as it may stand in a message: of text and numbers the beginning, of others JSON."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    try:
        if isinstance(value, str):
            text = repr(value)
        elif isinstance(value, Decimal):
            text = str(value)
        else:
            text = json.dumps(value, default=str)
    except (ValueError, RecursionError):
        # An integer of more digits than are written as text, or a list that holds itself.
        text = "a number too long to show" if isinstance(value, int) else "something deeply nested"
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "..."
