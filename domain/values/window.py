"""Window: how far a feature looks back, and on which side of its edges a purchase lies."""

from dataclasses import dataclass

from domain.values.instant import MICROS_PER_DAY, MICROS_PER_HOUR

MAX_LENGTH_US = 3_660 * MICROS_PER_DAY
BEGINNING = -1
"""An instant before every purchase."""
EVER = "ever"
"""How a window is written that has no beginning."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open span (as_of - length_us, as_of], to the microsecond.

    A purchase at exactly as_of is inside; one at exactly as_of - length_us is outside, so
    adjoining windows share no purchase and miss none.
    """

    length_us: int

    def __post_init__(self) -> None:
        if not 0 < self.length_us <= MAX_LENGTH_US:
            raise ValueError(f"a window looks back up to ten years, not {self.length_us} us")

    @classmethod
    def days(cls, count: int) -> "Window":
        """A window of `count` times 24 hours."""
        return cls(count * MICROS_PER_DAY)

    def after(self, as_of: int) -> int:
        """The exclusive lower edge in microseconds since the epoch."""
        return as_of - self.length_us

    def __str__(self) -> str:
        """The length in whole days, else hours, else microseconds: 30d, 36h or 1us."""
        for unit, suffix in ((MICROS_PER_DAY, "d"), (MICROS_PER_HOUR, "h")):
            if self.length_us % unit == 0:
                return f"{self.length_us // unit}{suffix}"
        return f"{self.length_us}us"


@dataclass(frozen=True, slots=True)
class Reach:
    """What must be known of a customer: the purchases of a window, and `ever` the totals as well."""

    window: Window
    ever: bool = False

    def after(self, as_of: int) -> int:
        """The instant after which purchases must be read where no totals are kept."""
        return BEGINNING if self.ever else self.window.after(as_of)

    def __or__(self, other: "Reach") -> "Reach":
        """What must be known for both."""
        return Reach(max(self.window, other.window), self.ever or other.ever)

    def __str__(self) -> str:
        """Such as 90d, or: 90d and ever."""
        return f"{self.window} and {EVER}" if self.ever else str(self.window)
