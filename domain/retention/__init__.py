"""How long purchases and recent purchases are kept."""

from domain.retention.purchases import FOR_EVER, PurchaseRetention
from domain.retention.recent import SLACK_DAYS, Retention

__all__ = ["FOR_EVER", "SLACK_DAYS", "PurchaseRetention", "Retention"]
