"""How long purchases are kept, and what may be asked of them until then."""

from dataclasses import dataclass

from domain.errors import InvalidRequest
from domain.values import MICROS_PER_DAY, instant

_READ_GRACE_US = MICROS_PER_DAY
_STORE_GRACE_US = 2 * MICROS_PER_DAY
"""Clocks differ, and a question is answered a little later than it was asked."""


@dataclass(frozen=True, slots=True)
class PurchaseRetention:
    """Purchases are taken and kept until they are `days` old; None: whatever their age, for ever.

    Reads may reach back a day further, and what is stored expires a day later still. So nothing
    expires that may be asked for; what is expired and not dropped yet is never asked for; and an
    id is remembered for as long as its purchase would be taken.
    """

    days: int | None = None

    def taken_after(self, now: int) -> int:
        """Purchases after this instant are taken; microseconds since the epoch, UTC."""
        return -1 if self.days is None else now - self.days * MICROS_PER_DAY

    def known_after(self, now: int) -> int:
        """Every purchase after this instant that was recorded is stored."""
        return -1 if self.days is None else self.taken_after(now) - _READ_GRACE_US

    def check(self, after: int, *, now: int) -> None:
        """Returns when every purchase after that instant is known.

        Raises:
            InvalidRequest: some may have been dropped.
        """
        if after < self.known_after(now):
            raise InvalidRequest(
                "as_of",
                f"looks back to {instant.render(after)}, but purchases are kept for {self.days} days",
            )

    @property
    def longest_us(self) -> int:
        """How long after a write what it wrote may expire at most; 0: it never does."""
        return 0 if self.days is None else self.days * MICROS_PER_DAY + 2 * _STORE_GRACE_US

    def expires(self, purchased_at: int) -> int | None:
        """When a purchase may be dropped; None: never."""
        if self.days is None:
            return None
        return purchased_at + self.days * MICROS_PER_DAY + _STORE_GRACE_US


FOR_EVER = PurchaseRetention()
