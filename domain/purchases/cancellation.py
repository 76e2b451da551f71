"""Cancel a purchase: a refund or a cancellation removes it from everything that is computed."""

from dataclasses import dataclass

from domain.errors import InvalidPurchase, InvalidRequest
from domain.purchases.ports import Cancelling, PurchaseCanceller
from domain.purchases.purchase import MAX_CUSTOMER_ID_BYTES, MAX_PURCHASE_ID_BYTES, text_field


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPurchase:
    """Checks the ids, then cancels. Idempotent; may arrive before the purchase."""

    canceller: PurchaseCanceller

    async def __call__(self, customer_id: str, purchase_id: str, /) -> Cancelling:
        """What became of the cancellation; once it is answered the purchase counts nowhere.

        Raises:
            InvalidRequest: an id is malformed.
            StoreUnavailable: it may or may not be cancelled; asking again is safe.
        """
        ids = {"customer_id": customer_id, "purchase_id": purchase_id}
        most = {"customer_id": MAX_CUSTOMER_ID_BYTES, "purchase_id": MAX_PURCHASE_ID_BYTES}
        try:
            customer, purchase = (text_field(ids, name, most[name]) for name in ids)
        except InvalidPurchase as exc:
            raise InvalidRequest(exc.field, exc.reason) from exc
        return await self.canceller.cancel(customer, purchase)
