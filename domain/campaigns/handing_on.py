"""Members of a campaign as a list for a campaign tool."""

from collections.abc import Sequence

from domain.audience import Listed, Member
from domain.campaigns.campaign import Campaign, CampaignArm, FrozenMember


def listed_of(
    campaign: Campaign, members: Sequence[FrozenMember], *, with_holdout: bool = False
) -> list[Listed]:
    """The members as they are listed: those to contact, and those held out where they are wanted."""
    return [
        Listed(
            Member(each.customer_id, each.probability, campaign.arm_of_model(each.version)),
            each.arm is CampaignArm.HELD_OUT,
        )
        for each in members
        if with_holdout or each.arm is CampaignArm.TREATED
    ]
