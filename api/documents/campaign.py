"""What travels about campaigns and their results."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.audience import ReadWay
from domain.campaigns import Campaign, CampaignArm, CampaignWanted, Creation, Policy, Power
from domain.errors import InvalidRequest
from domain.purchases import MAX_CATEGORY_BYTES, name_of
from domain.values import BUCKETS, basis_points_of, instant, plain_number

ShareOf = Annotated[float, Meta(ge=0, le=1)]


class PolicyReport(Struct, frozen=True, kw_only=True):
    """Who of the category became a member."""

    min_probability: ShareOf
    max_probability: ShareOf
    top: Annotated[int | None, Meta(description="Only so many, the highest first.")]
    top_share: Annotated[float | None, Meta(description="Only this share, the highest first.")]
    holdout: Annotated[float, Meta(ge=0, lt=1, description="Share of members held out.")]
    suppression: Annotated[bool, Meta(description="Whether a suppression list was given.")]
    not_contacted_days: int | None
    min_purchases: int | None
    history_days: Annotated[int, Meta(description="Days in which `min_purchases` count.")]

    @classmethod
    def of(cls, policy: Policy) -> "PolicyReport":
        """The policy as it travels."""
        return cls(
            min_probability=policy.min_probability,
            max_probability=policy.max_probability,
            top=policy.top,
            top_share=None if policy.top_share is None else policy.top_share / BUCKETS,
            holdout=policy.holdout / BUCKETS,
            suppression=policy.suppression,
            not_contacted_days=policy.not_contacted_days,
            min_purchases=policy.min_purchases,
            history_days=policy.history_days,
        )


class CampaignReport(Struct, frozen=True, kw_only=True):
    """One campaign, frozen. It names none of its members."""

    name: str
    category: str
    created_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    as_of: Annotated[str, Meta(description="Members were scored as known then; RFC 3339, UTC.")]
    sent_at: Annotated[str | None, Meta(description="RFC 3339, UTC; null: not known.")]
    members_removed_at: Annotated[
        str | None,
        Meta(description="Since then its members are no longer kept, only counts; null: they are."),
    ]
    model: str
    revision: int
    versions: Annotated[dict[str, int], Meta(description="Versions that scored, by their alias.")]
    policy: PolicyReport
    removed: Annotated[
        dict[str, int], Meta(description="Customers that a rule took out before scoring.")
    ]
    eligible: Annotated[int, Meta(ge=0, description="Customers who were scored.")]
    members: Annotated[int, Meta(ge=0, description="Treated and held out.")]
    treated: Annotated[int, Meta(ge=0)]
    held_out: Annotated[int, Meta(ge=0)]
    erased: Annotated[int, Meta(ge=0, description="Members who were erased since, and are gone.")]
    expected_rate: Annotated[
        ShareOf, Meta(description="How many members the model expects to buy.")
    ]
    expected_in: Annotated[str, Meta(description="`category` or `any`: what the model says.")]
    horizon_days: int
    detectable_lift: Annotated[
        float | None,
        Meta(
            description="Least lift of that rate seen with 80 % power, two-sided 5 %; null: none is."
        ),
    ]

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignReport":
        """The campaign as it travels."""
        sent_at, removed_at = campaign.sent_at, campaign.members_removed_at
        return cls(
            name=campaign.name,
            category=campaign.category,
            created_at=instant.render(campaign.created_at),
            as_of=instant.render(campaign.as_of),
            sent_at=None if sent_at is None else instant.render(sent_at),
            members_removed_at=None if removed_at is None else instant.render(removed_at),
            model=campaign.model,
            revision=campaign.revision,
            versions={arm.value: version for arm, version in campaign.versions.items()},
            policy=PolicyReport.of(campaign.policy),
            removed={rule.value: customers for rule, customers in campaign.removed.items()},
            eligible=campaign.eligible,
            members=campaign.size,
            treated=campaign.members[CampaignArm.TREATED],
            held_out=campaign.members[CampaignArm.HELD_OUT],
            erased=campaign.erased,
            expected_rate=campaign.baseline.rate,
            expected_in="category" if campaign.baseline.in_category else "any",
            horizon_days=campaign.baseline.horizon_days,
            detectable_lift=campaign.baseline.lift,
        )


MAX_SUPPRESSED = 100_000
"""Ids that a request may name; longer lists are for the command line."""
LONGEST_DAYS, MOST_WHOLE = 3_650, 999_999_999
Days = Annotated[int, Meta(ge=1, le=LONGEST_DAYS)]
Whole = Annotated[int, Meta(ge=1, le=MOST_WHOLE)]


class NewCampaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign to create."""

    name: Annotated[
        str,
        Meta(
            description="A new name, such as spring-2026.", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"
        ),
    ]
    category: Annotated[
        str, Meta(description="Everyone who ever bought in it is looked at.", min_length=1)
    ]
    model: Annotated[str | None, Meta(description="Which model scores; null: the usual one.")] = (
        None
    )
    revision: Annotated[
        Whole | None, Meta(description="Which revision of it; null: what serves now.")
    ] = None
    as_of: Annotated[
        str | None, Meta(description="As known at this RFC 3339 instant with an offset; null: now.")
    ] = None
    min_probability: ShareOf = 0.0
    max_probability: ShareOf = 1.0
    top: Annotated[Whole | None, Meta(description="Only so many, the highest first.")] = None
    top_share: Annotated[
        ShareOf | None, Meta(description="Only this share, the highest first; 0.2 is 20 %.")
    ] = None
    holdout: Annotated[
        float,
        Meta(ge=0, lt=1, description="Share of members who are not contacted, drawn by chance."),
    ] = 0.1
    suppress: Annotated[
        Annotated[list[str], Meta(max_length=MAX_SUPPRESSED)] | None,
        Meta(description="Ids of customers not to contact."),
    ] = None
    not_contacted_days: Annotated[
        Days | None, Meta(description="Days in which no other campaign contacted them.")
    ] = None
    min_purchases: Annotated[
        Whole | None, Meta(description="Purchases in the last days, at least.")
    ] = None
    history_days: Annotated[Days, Meta(description="These last days.")] = 90
    way: Annotated[
        ReadWay | None, Meta(description="How purchases are read; null: the cheaper one.")
    ] = None

    def wanted(self) -> CampaignWanted:
        """The campaign as the domain takes it.

        Raises:
            Rejected: a field means nothing; says which.
        """
        return CampaignWanted(
            name=self.name,
            category=name_of(self.category, "category", MAX_CATEGORY_BYTES),
            policy=self._policy(),
            model=self.model,
            revision=self.revision,
            as_of=None if self.as_of is None else _instant(self.as_of),
            way=self.way,
            suppressed=self.suppress or (),
        )

    def _policy(self) -> Policy:
        if self.top is not None and self.top_share is not None:
            raise InvalidRequest("top", "goes without top_share: one of them says how many")
        if self.top_share == 0:
            raise InvalidRequest("top_share", "0 % is nobody")
        top_share, holdout = (
            None if share is None else _points(name, share)
            for name, share in (("top_share", self.top_share), ("holdout", self.holdout))
        )
        try:
            return Policy(
                min_probability=float(self.min_probability),
                max_probability=float(self.max_probability),
                top=self.top,
                top_share=top_share,
                holdout=holdout or 0,
                suppression=self.suppress is not None,
                not_contacted_days=self.not_contacted_days,
                min_purchases=self.min_purchases,
                history_days=self.history_days,
            )
        except ValueError as exc:
            field = "holdout" if "hold-out" in str(exc) else "min_probability"
            raise InvalidRequest(field, str(exc)) from exc


def _points(field: str, share: float) -> int:
    try:
        return basis_points_of(plain_number(share))
    except ValueError as exc:
        raise InvalidRequest(field, str(exc)) from exc


def _instant(text: str, field: str = "as_of") -> int:
    try:
        return instant.parse(text)
    except ValueError as exc:
        raise InvalidRequest(field, f"{exc}, not {text[:60]!r}") from exc


class CampaignSent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a campaign was sent."""

    at: Annotated[
        str | None, Meta(description="RFC 3339 with an offset; null or left out: now.")
    ] = None

    def instant(self) -> int | None:
        """In microseconds since the epoch, UTC; None: now.

        Raises:
            InvalidRequest: it is no instant.
        """
        return None if self.at is None else _instant(self.at, "at")


class CampaignToDelete(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign to delete for good."""

    confirm: Annotated[str, Meta(description="Its name once more.")]


class CreationReport(Struct, frozen=True, kw_only=True):
    """How far the creation of a campaign is."""

    name: str
    state: Literal["creating", "ready", "failed"]
    owner: Annotated[str, Meta(description="Who creates it.")]
    began_at: Annotated[str, Meta(description="RFC 3339, UTC.")]
    step: Annotated[str, Meta(description="`beginning`, `scoring` or `freezing`.")]
    done: Annotated[int, Meta(ge=0, description="Customers of this step so far.")]
    total: Annotated[int, Meta(ge=0, description="About so many in all; 0: not known yet.")]
    reason: Annotated[str | None, Meta(description="Why it failed.")]

    @classmethod
    def of(cls, creation: Creation) -> "CreationReport":
        """The creation as it travels."""
        claim, progress = creation.claim, creation.progress
        return cls(
            name=claim.name,
            state=creation.state.value,
            owner=claim.owner,
            began_at=instant.render(claim.at),
            step=progress.step,
            done=progress.done,
            total=progress.total,
            reason=creation.reason,
        )


class CampaignList(Struct, frozen=True, kw_only=True):
    """Every campaign, the newest first."""

    campaigns: list[CampaignReport]


class PowerReport(Struct, frozen=True, kw_only=True):
    """Which lift a campaign will see."""

    treated: Annotated[int, Meta(ge=0, description="Members expected in this arm.")]
    held_out: Annotated[int, Meta(ge=0, description="Members expected in this arm.")]
    rate: Annotated[ShareOf, Meta(description="How many are expected to buy, as it was asked.")]
    detectable_lift: Annotated[
        float | None,
        Meta(
            description="Least lift of that rate seen with 80 % power, two-sided 5 %; null: none is."
        ),
    ]

    @classmethod
    def of(cls, power: Power) -> "PowerReport":
        """The power as it travels."""
        return cls(
            treated=power.treated,
            held_out=power.held_out,
            rate=power.rate,
            detectable_lift=power.lift,
        )


class TidiedCampaignsReport(Struct, frozen=True, kw_only=True):
    """What one run of tidying did."""

    campaigns_written: int
    members_erased: int
    parts_removed: int
    erasures_done: int
    erasures_left: int
    campaigns_emptied: int
