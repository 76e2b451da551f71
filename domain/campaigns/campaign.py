"""A campaign: who was chosen, into which arm, by which version, and what was known before."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.errors import InvalidRequest
from domain.prediction import Arm
from domain.values import BUCKETS, bucket, instant

BEFORE_DAYS = 30
"""Days before the campaign whose purchases are kept, to compare like with like."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


class CampaignArm(StrEnum):
    """What chance chose for a member."""

    TREATED = "treated"
    HELD_OUT = "held_out"


class Rule(StrEnum):
    """Why a customer of the category is no member, before anybody is scored."""

    SUPPRESSED = "suppressed"
    CONTACTED = "contacted"
    TOO_FEW_PURCHASES = "too_few_purchases"
    FIRST_BOUGHT_LATER = "first_bought_later"


@dataclass(frozen=True, slots=True)
class FrozenMember:
    """One member as it was when the campaign was created.

    `version` of the model scored. `volume_before_minor` is what the customer bought in the days
    before, after refunds, in minor units.
    """

    customer_id: str
    arm: CampaignArm
    probability: float
    version: int
    volume_before_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who of a category becomes a member, and how many of the members are held out.

    Shares in basis points, of 10,000. `top` are the highest of those within the range: so many, or
    `top_share` of them. The rest are the rules of eligibility.
    """

    min_probability: float = 0.0
    max_probability: float = 1.0
    top: int | None = None
    top_share: int | None = None
    holdout: int = 1_000
    suppression: bool = False
    not_contacted_days: int | None = None
    min_purchases: int | None = None
    history_days: int = 90

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_probability <= self.max_probability <= 1.0:
            raise ValueError(
                f"needs 0 <= min <= max <= 1, not [{self.min_probability}, {self.max_probability}]"
            )
        if not 0 <= self.holdout < BUCKETS:
            raise ValueError("a hold-out must be below 100 %, or nobody is reached")

    def kept(self, scored: int) -> int:
        """How many of so many within the range are members."""
        if self.top is not None:
            return min(self.top, scored)
        return scored if self.top_share is None else -(-scored * self.top_share // BUCKETS)


@dataclass(frozen=True, slots=True)
class MemberPart:
    """Members kept together under a name, and how many."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was known before the campaign, and so may plan its measurement.

    `rate` is how many members are expected to buy within `horizon_days`: in the category if the
    model is one of categories (`in_category`), else anything. `spread_before` is the variance of
    what a member spent before, in squared minor units. `cuts` are the probabilities that part the
    members in ten groups, ascending. `lift` is the least that four of five campaigns see; None: no
    lift is seen.
    """

    rate: float
    in_category: bool
    horizon_days: int
    spread_before: float
    cuts: Sequence[float]
    lift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign, frozen. Instants in microseconds since the epoch, UTC.

    `number` counts the writings of its manifest: 1, and one more for each that left erased customers
    out. `removed` are the customers that a rule took out, each counted under the first that did.
    `eligible` were scored, `members` are in the parts by arm. `sent_at` is when it was sent, if that
    is known. Since `members_removed_at` nobody is in the parts, for they were kept long enough; None:
    they are there.
    """

    name: str
    number: int = 1
    category: str
    created_at: int
    as_of: int
    model: str
    revision: int
    versions: Mapping[Arm, int]
    policy: Policy
    removed: Mapping[Rule, int] = field(default_factory=dict[Rule, int])
    eligible: int
    members: Mapping[CampaignArm, int]
    erased: int = 0
    baseline: Baseline
    currency: str
    parts: Sequence[MemberPart]
    sent_at: int | None = None
    members_removed_at: int | None = None

    @property
    def begins_at(self) -> int:
        """The instant from which purchases count as its effect."""
        return self.as_of if self.sent_at is None else self.sent_at

    @property
    def size(self) -> int:
        """How many members there are."""
        return sum(self.members.values())

    def check_sent_at(self, at: int) -> None:
        """Returns when it can have been sent at that instant, microseconds since the epoch, UTC.

        Raises:
            InvalidRequest: that is before its members were scored.
        """
        if at < self.as_of:
            raise InvalidRequest("at", f"lies before the scores, of {instant.render(self.as_of)}")

    def arm_of_model(self, version: int) -> Arm:
        """As what a version scored."""
        challenger = self.versions.get(Arm.CHALLENGER)
        return Arm.CHALLENGER if version == challenger else Arm.CHAMPION


def campaign_name_of(text: str) -> str:
    """The name, if it is one.

    Raises:
        InvalidRequest: it is none.
    """
    if _NAME.fullmatch(text) is None:
        raise InvalidRequest(
            "name", f"{text!r} must be 1 to 63 lower-case letters, digits and . _ -, such as spring"
        )
    return text


@dataclass(frozen=True, slots=True)
class Assignment:
    """Chance as a function of customer and campaign: each campaign draws anew.

    Were the same customers held out of every campaign, their difference would be that of all
    campaigns together.
    """

    campaign: str
    holdout: int

    def arm_of(self, customer_id: str) -> CampaignArm:
        """The customer's arm, the same whenever it is asked."""
        salt = hashlib.sha256(f"campaign/{self.campaign}".encode()).digest()[:16]
        held_out = bucket(customer_id, salt) < self.holdout
        return CampaignArm.HELD_OUT if held_out else CampaignArm.TREATED
