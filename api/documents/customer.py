"""All that is held about a customer, as a document for the customer."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from api.documents.cost import CostUsed, cost_used
from domain.cost import Cost
from domain.customers import CustomerRecord, Receipt
from domain.purchases import Cancelling, Purchase, Refund, Refunding
from domain.values import Currency, instant

if TYPE_CHECKING:
    from domain.campaigns import Campaign, FrozenMember


class ExportedRefund(Struct, frozen=True, kw_only=True):
    """One refund of a purchase."""

    refund_id: str
    refunded_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    amount_minor: Annotated[int, Meta(description="In minor units of the document's currency.")]

    @classmethod
    def of(cls, refund: Refund) -> "ExportedRefund":
        """The refund as it travels."""
        return cls(
            refund_id=refund.refund_id,
            refunded_at=instant.render(refund.refunded_at),
            amount_minor=refund.amount_minor,
        )


class ExportedPurchase(Struct, frozen=True, kw_only=True):
    """One purchase as it was sent; its shard and fingerprint are computed from it."""

    purchase_id: str
    purchased_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    category: str
    amount_minor: Annotated[int, Meta(description="In minor units of the document's currency.")]
    refunds: list[ExportedRefund]

    @classmethod
    def of(cls, purchase: Purchase) -> "ExportedPurchase":
        """The purchase as it travels."""
        return cls(
            purchase_id=purchase.purchase_id,
            purchased_at=instant.render(purchase.purchased_at),
            category=purchase.category,
            amount_minor=purchase.amount_minor,
            refunds=[ExportedRefund.of(refund) for refund in purchase.refunds],
        )


class ExportedCancellation(Struct, frozen=True, kw_only=True):
    """All that is kept of a cancelled purchase."""

    purchase_id: str
    cancelled_at: str


class WaitingRefunds(Struct, frozen=True, kw_only=True):
    """Refunds of a purchase that did not come yet."""

    purchase_id: str
    refunds: list[ExportedRefund]


class ExportedMembership(Struct, frozen=True, kw_only=True):
    """What one campaign keeps of a customer."""

    campaign: str
    category: str
    as_of: str
    arm: Annotated[str, Meta(description="`treated` or `held_out`.")]
    probability: float
    version: Annotated[int, Meta(description="The model's, which scored.")]
    volume_before_minor: Annotated[
        int, Meta(description="Bought in the 30 days before `as_of`, in minor units.")
    ]

    @classmethod
    def of(cls, campaign: "Campaign", member: "FrozenMember") -> "ExportedMembership":
        """The membership as it travels."""
        return cls(
            campaign=campaign.name,
            category=campaign.category,
            as_of=instant.render(campaign.as_of),
            arm=member.arm,
            probability=member.probability,
            version=member.version,
            volume_before_minor=member.volume_before_minor,
        )


class CustomerExport(Struct, frozen=True, kw_only=True):
    """Everything that the tables and campaigns hold about one customer at one instant."""

    customer_id: str
    exported_at: str
    currency: str
    purchases: list[ExportedPurchase]
    cancelled: list[ExportedCancellation]
    refunds_waiting: list[WaitingRefunds]
    recent_purchases: Annotated[
        list[ExportedPurchase], Meta(description="Copies of the latest purchases, kept ready.")
    ]
    categories: Annotated[
        list[str], Meta(description="Whose lists of customers name this one: the index.")
    ]
    counted_in: Annotated[
        list[str],
        Meta(
            description="Categories that count customers by a hash of this one's id, among others."
        ),
    ]
    suppressed_until: Annotated[
        str | None,
        Meta(description="Erased: nothing is taken until then; year 9999: erasure unfinished."),
    ]
    campaigns: Annotated[list[ExportedMembership], Meta(description="The newest first.")]

    @classmethod
    def of(
        cls,
        customer_id: str,
        record: CustomerRecord,
        memberships: "Iterable[tuple[Campaign, FrozenMember]]",
        *,
        at: int,
        currency: Currency,
    ) -> "CustomerExport":
        """The record as it travels; `at` in microseconds since the epoch, UTC."""
        until = record.suppressed_until
        return cls(
            customer_id=customer_id,
            exported_at=instant.render(at),
            currency=currency.code,
            purchases=[ExportedPurchase.of(purchase) for purchase in record.purchases],
            cancelled=[
                ExportedCancellation(purchase_id=name, cancelled_at=instant.render(when))
                for name, when in sorted(record.cancelled.items())
            ],
            refunds_waiting=[
                WaitingRefunds(purchase_id=name, refunds=list(map(ExportedRefund.of, refunds)))
                for name, refunds in sorted(record.waiting.items())
            ],
            recent_purchases=[ExportedPurchase.of(purchase) for purchase in record.recent],
            categories=sorted({purchase.category for purchase in record.purchases}),
            counted_in=list(record.counted_in),
            suppressed_until=None if until is None else instant.render(until),
            campaigns=[ExportedMembership.of(*each) for each in memberships],
        )


class CancellationReport(Struct, frozen=True, kw_only=True):
    """What became of one cancellation, and what it cost."""

    outcome: Annotated[
        Cancelling,
        Meta(
            description="cancelled: now, recorded or not. already_cancelled: before this call. "
            "erased: the customer was erased, and nothing of them is kept or taken for a while."
        ),
    ]
    cost: CostUsed


class ErasureReceipt(Struct, frozen=True, kw_only=True):
    """What an erasure removed, until when nothing of the customer is taken, and what it cost.

    It does not name the customer, so that it may be kept.
    """

    complete: Annotated[bool, Meta(description="Nothing is left; false: ask again to go on.")]
    erased_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    suppressed_until: Annotated[
        str | None,
        Meta(
            description="Purchases are taken again from then on; null: not before it is complete."
        ),
    ]
    purchases: Annotated[int, Meta(ge=0, description="Removed now.")]
    cancelled: Annotated[int, Meta(ge=0, description="Cancellations removed now.")]
    recent_purchases: Annotated[int, Meta(ge=0, description="Removed now; copies of purchases.")]
    refunds_waiting: Annotated[
        int, Meta(ge=0, description="Purchases that did not come, whose refunds were removed now.")
    ]
    logged_decisions: Annotated[
        Literal["hidden", "none"],
        Meta(
            description="hidden: no reader is told the customer or the features any more, and "
            "`propensity decisions tidy` removes them. none: this process knows no log of decisions."
        ),
    ]
    campaigns: Annotated[
        Literal["hidden", "none"],
        Meta(
            description="hidden: no campaign shows the customer any more, and "
            "`propensity campaign tidy` takes the customer out of their files. none: there are no campaigns."
        ),
    ]
    cost: CostUsed

    @classmethod
    def of(cls, receipt: Receipt, cost: Cost) -> "ErasureReceipt":
        """The receipt as it travels."""
        until = receipt.suppressed_until
        return cls(
            complete=receipt.erased.complete,
            erased_at=instant.render(receipt.at),
            suppressed_until=None if until is None else instant.render(until),
            purchases=receipt.erased.purchases,
            cancelled=receipt.erased.cancelled,
            recent_purchases=receipt.erased.recent_purchases,
            refunds_waiting=receipt.erased.refunds_waiting,
            logged_decisions="hidden" if receipt.decisions_hidden else "none",
            campaigns="hidden" if receipt.campaigns_hidden else "none",
            cost=cost_used(cost),
        )


class ErasuresRepeated(Struct, frozen=True, kw_only=True):
    """What erasing again found, in numbers of customers. It names nobody."""

    suppressed: int
    had_come_back: Annotated[int, Meta(description="Of whom something was stored, and went now.")]
    unfinished: Annotated[int, Meta(description="Of whom something is left.")]
    cost: CostUsed


class CustomerToErase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose purchases are to be erased."""

    customer_id: Annotated[str, Meta(description="Who. As in purchases, not percent-encoded.")]


class PurchaseToRefund(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was given back of which purchase."""

    customer_id: Annotated[str, Meta(description="Who bought.")]
    purchase_id: Annotated[
        str, Meta(description="As the purchase has it; it need not be here yet.")
    ]
    refund_id: Annotated[
        str,
        Meta(description="Given by the producer, unique per purchase; sending it again is safe."),
    ]
    refunded_at: Annotated[
        str, Meta(description="When: RFC 3339 with an offset. Features see it from then on.")
    ]
    amount_minor: Annotated[int, Meta(gt=0, description="In minor units of the currency.")]
    currency: Annotated[str, Meta(description="ISO 4217; must be the deployment's own currency.")]


class RefundReport(Struct, frozen=True, kw_only=True):
    """What became of one refund, and what it cost."""

    outcome: Annotated[
        Refunding,
        Meta(
            description="recorded: now. waiting: kept until its purchase comes. duplicate: recorded "
            "before. cancelled: its purchase never was. erased: the customer was erased."
        ),
    ]
    cost: CostUsed


class PurchaseToCancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which purchase is to be cancelled."""

    customer_id: Annotated[str, Meta(description="Who bought.")]
    purchase_id: Annotated[str, Meta(description="As the purchase has it.")]
