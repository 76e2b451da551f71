"""Purchases and cancellations in every accepted form."""

from api.intake.lines import Line, item_of, lines_of
from api.intake.messages import items_of, purchases_of

__all__ = ["Line", "item_of", "items_of", "lines_of", "purchases_of"]
