"""How long purchases and recent purchases are kept."""

from domain.retention.purchases import FOR_EVER as FOR_EVER
from domain.retention.purchases import PurchaseRetention as PurchaseRetention
from domain.retention.recent import SLACK_DAYS as SLACK_DAYS
from domain.retention.recent import Retention as Retention
