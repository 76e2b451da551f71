"""One line of the audit log."""

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What changes something for others."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    SPLIT = "split"
    SHADOW = "shadow"
    ERASE = "erase"
    EXPORT = "export"
    REFUND = "refund"
    CANCEL = "cancel"
    CREATE_KEY = "create-key"
    ROTATE_KEY = "rotate-key"
    REVOKE_KEY = "revoke-key"
    SPREAD = "spread"
    CREATE_CAMPAIGN = "create-campaign"
    SEND_CAMPAIGN = "send-campaign"
    REPLAY = "replay"
    DELETE_CAMPAIGN = "delete-campaign"


class Target(StrEnum):
    """On what."""

    MODEL = "model"
    CUSTOMER = "customer"
    PURCHASE = "purchase"
    KEY = "key"
    CATEGORY = "category"
    CAMPAIGN = "campaign"
    QUEUE = "queue"


class Outcome(StrEnum):
    """`begun` is written before the act, `failed` after one that was refused or broke off."""

    BEGUN = "begun"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what, when, on what kind of thing. `at` in microseconds since the epoch, UTC.

    `name` is a model's, a key's, a category's, a campaign's or a queue's; customers and purchases have none here. `request_id` is that of
    the HTTP request, or of the command.
    """

    at: int
    actor: str
    act: Act
    target: Target
    request_id: str
    name: str | None = None
    outcome: Outcome = Outcome.BEGUN
