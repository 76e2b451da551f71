"""Purchases and cancellations in every accepted form."""

from api.intake.ingest import LINES_AT_ONCE, UNANSWERED, Line, ingested, item_of, lines_of
from api.intake.messages import Cancelled, Item, Refused, Sent, items_of

__all__ = [
    "LINES_AT_ONCE",
    "UNANSWERED",
    "Cancelled",
    "Item",
    "Line",
    "Refused",
    "Sent",
    "ingested",
    "item_of",
    "items_of",
    "lines_of",
]
