"""Take in, keep, cancel and read purchases."""

from domain.purchases.cancellation import CancelPurchase
from domain.purchases.columns import PurchaseColumns
from domain.purchases.importing import ImportProgress, ImportPurchases, RefusedRow
from domain.purchases.intake import Item, RawCancellation, RawPurchase, TakeIn, Unreadable
from domain.purchases.ports import Cancelling, PurchaseHistory, PurchaseSource, RawRow, Recording
from domain.purchases.purchase import (
    CLOCK_SKEW_US,
    EARLIEST,
    MAX_AMOUNT_MINOR,
    MAX_CATEGORY_BYTES,
    MAX_CUSTOMER_ID_BYTES,
    MAX_PURCHASE_ID_BYTES,
    Purchase,
    check_customer,
    text_field,
)
from domain.purchases.recording import Outcome, PurchaseOutcome, RecordPurchases

__all__ = [
    "CLOCK_SKEW_US",
    "EARLIEST",
    "MAX_AMOUNT_MINOR",
    "MAX_CATEGORY_BYTES",
    "MAX_CUSTOMER_ID_BYTES",
    "MAX_PURCHASE_ID_BYTES",
    "CancelPurchase",
    "Cancelling",
    "ImportProgress",
    "ImportPurchases",
    "Item",
    "Outcome",
    "Purchase",
    "PurchaseColumns",
    "PurchaseHistory",
    "PurchaseOutcome",
    "PurchaseSource",
    "RawCancellation",
    "RawPurchase",
    "RawRow",
    "RecordPurchases",
    "Recording",
    "RefusedRow",
    "TakeIn",
    "Unreadable",
    "check_customer",
    "text_field",
]
