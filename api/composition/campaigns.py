"""Where campaigns are: to be read, tidied, and to forget a customer."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from api.process import Settings
from domain.errors import Rejected

if TYPE_CHECKING:
    from adapters.campaigns import MarkedCampaignEraser, ObjectCampaigns
    from adapters.campaigns.tidying import TidyCampaigns
    from domain.campaigns import Campaign, FrozenMember


def open_campaigns(settings: Settings, *, members: bool = True) -> "ObjectCampaigns":
    """The campaigns where the settings say they are; without `members`, what needs no extra.

    Raises:
        Rejected: the extra `campaigns` is not installed.
        StoreUnavailable: the place cannot be opened.
    """
    from adapters.campaigns import ObjectCampaigns
    from adapters.object_store import open_object_store

    if members:
        check_installed("pyarrow")
    return ObjectCampaigns(open_object_store(settings.campaigns_location))


def campaign_eraser(settings: Settings) -> "MarkedCampaignEraser":
    """What hides an erased customer from the readers of campaigns."""
    from adapters.campaigns import MarkedCampaignEraser
    from adapters.object_store import open_object_store

    return MarkedCampaignEraser(open_object_store(settings.campaigns_location))


def tidy_campaigns(settings: Settings) -> "TidyCampaigns":
    """What takes erased customers out of the bytes.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    from adapters.campaigns.tidying import TidyCampaigns
    from adapters.object_store import open_object_store

    check_installed("pyarrow")
    return TidyCampaigns(
        open_object_store(settings.campaigns_location),
        SystemClock(),
        settings.campaign_retention_days,
    )


def can_tidy() -> bool:
    """Whether this installation can read members."""
    return find_spec("pyarrow") is not None


def memberships_of(
    settings: Settings, customer_id: str
) -> "Iterator[tuple[Campaign, FrozenMember]]":
    """What each campaign keeps of a customer; every member is read.

    Raises:
        Rejected: there are campaigns, and the extra `campaigns` is not installed.
    """
    campaigns = open_campaigns(settings, members=False)
    for campaign in campaigns.every():
        if campaign.members_removed_at is not None:
            continue
        check_installed("pyarrow")
        for batch in campaigns.members(campaign):
            yield from ((campaign, each) for each in batch if each.customer_id == customer_id)


def check_installed(*packages: str) -> None:
    """Returns when these packages are there.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    if any(find_spec(package) is None for package in packages):
        raise Rejected("campaign", "needs the extra: pip install 'propensity[campaigns]'")
