"""Conventions: what the sender of some purchases may leave unsaid."""

from dataclasses import dataclass
from datetime import tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """Strict by default, as for messages and requests. A person who imports a file may say more.

    Args:
        default_currency: a missing currency means the deployment's own.
        ids_as_written: take ids that a spreadsheet or data frame seems to have damaged.
        timezone: the zone of instants that name none; None refuses them.
        refunds_matched: a refund may name a category instead of its purchase.
        refunds_undated: a refund may leave out its instant, and then happens when it is read.
    """

    default_currency: bool = False
    ids_as_written: bool = False
    timezone: tzinfo | None = None
    refunds_matched: bool = False
    refunds_undated: bool = False


STRICT = Conventions()
