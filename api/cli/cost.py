"""What calls to the store cost: in words, and in dollars."""

from dataclasses import dataclass

from api.process import Settings
from domain.cost import Cost, Units


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million units, of reading and of writing."""

    per_million: float
    per_million_written: float

    @classmethod
    def of_settings(cls, settings: Settings) -> "Price":
        """The deployment's prices."""
        return cls(settings.read_price_per_million, settings.write_price_per_million)

    def of(self, reads: float, writes: float = 0.0) -> float:
        """What so many units cost."""
        return (reads * self.per_million + writes * self.per_million_written) / 1_000_000

    def text(self, reads: float, writes: float = 0.0) -> str:
        """What so many units cost, and where that price is from."""
        price = f"{self.of(reads, writes):.6f} USD at {self.per_million:g} USD per million"
        if not writes:
            return f"{price} (0.125: us-east-1 on-demand; set PROPENSITY_READ_PRICE_PER_MILLION)"
        return (
            f"{price} read units and {self.per_million_written:g} USD per million write units "
            "(0.125 and 0.625: us-east-1 on-demand; set PROPENSITY_READ_PRICE_PER_MILLION and "
            "PROPENSITY_WRITE_PRICE_PER_MILLION)"
        )


def cost_text(cost: Cost) -> str:
    """What was called and consumed, for people; write units only where there are any."""
    text = f"round trips: {cost.round_trips:,}, read units: {_units(cost.reads)}"
    return f"{text}, write units: {_units(cost.writes)}" if cost.writes.total else text


def _units(units: Units) -> str:
    return f"{units.total:,.1f} ({units.measured:,.1f} measured, {units.computed:,.1f} computed)"
