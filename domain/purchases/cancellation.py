"""Cancel a purchase: it never was, and is removed from everything that is computed."""

from dataclasses import dataclass

from domain.purchases.identifiers import MAX_CUSTOMER_ID_BYTES, MAX_PURCHASE_ID_BYTES, name_of
from domain.purchases.ports import Cancelling, PurchaseCanceller


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
        customer = name_of(customer_id, "customer_id", MAX_CUSTOMER_ID_BYTES)
        purchase = name_of(purchase_id, "purchase_id", MAX_PURCHASE_ID_BYTES)
        return await self.canceller.cancel(customer, purchase)
