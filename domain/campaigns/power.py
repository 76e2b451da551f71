"""Power: which lift a campaign will see, said before it is created."""

from dataclasses import dataclass

from domain.campaigns.statistics import CampaignStatistics
from domain.errors import InvalidRequest
from domain.values import BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Of so many members, so many are expected to be in each arm.

    `lift` above the `rate` is the least that four of five such campaigns see, two-sided at 5 %;
    None: no lift is seen.
    """

    treated: int
    held_out: int
    rate: float
    lift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPower:
    """Says it by arithmetic alone: nothing is read, and so it may follow a slider."""

    statistics: CampaignStatistics

    def __call__(self, *, members: int, holdout: int, rate: float) -> Power:
        """What a campaign of so many members will see, `holdout` basis points of them held out.

        `rate` is how many are expected to buy, from 0 to 1.

        Raises:
            InvalidRequest: one of them is out of range.
        """
        if members < 0:
            raise InvalidRequest("members", "must not be negative")
        if not 0 <= holdout < BUCKETS:
            raise InvalidRequest("holdout", "must be below 100 %, or nobody is reached")
        if not 0.0 <= rate <= 1.0:
            raise InvalidRequest("rate", f"must be from 0 to 1, not {rate}")
        held_out = round(members * holdout / BUCKETS)
        treated = members - held_out
        lift = self.statistics.detectable(rate, treated=treated, held_out=held_out)
        return Power(treated=treated, held_out=held_out, rate=rate, lift=lift)
