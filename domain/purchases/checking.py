"""Check purchases without recording them: what an import would do, as far as no store is asked."""

from collections.abc import Sequence

from domain.purchases.cancellation import CancelPurchase
from domain.purchases.intake import TakeIn
from domain.purchases.ports import Cancelling, Recording
from domain.purchases.purchase import Purchase
from domain.purchases.recording import RecordPurchases
from domain.purchases.refunding import CheckRefund
from domain.retention import FOR_EVER, PurchaseRetention
from domain.values import Clock, Currency


class _Nowhere:
    """Takes whatever is valid, and keeps nothing."""

    async def record(self, purchases: Sequence[Purchase], /) -> Sequence[Recording]:
        return [Recording.RECORDED for _ in purchases]

    async def cancel(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        del customer_id, purchase_id
        return Cancelling.CANCELLED


def check_only(
    *, clock: Clock, currency: Currency, retention: PurchaseRetention = FOR_EVER
) -> TakeIn:
    """An intake that validates everything, writes nothing and asks nobody."""
    nowhere = _Nowhere()
    return TakeIn(
        record=RecordPurchases(
            recorder=nowhere, clock=clock, currency=currency, retention=retention
        ),
        refund=CheckRefund(clock=clock, currency=currency),
        cancel=CancelPurchase(canceller=nowhere),
    )
