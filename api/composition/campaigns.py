"""Where campaigns are: to be read, tidied, and to forget a customer."""

from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

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


def campaign_file(settings: Settings, campaign: "Campaign", kind: str, folder: Path) -> Path:
    """A campaign's members for a campaign tool, in one file of that folder; several are zipped.

    `kind` excel is CSV that Excel opens by a double click.

    Raises:
        Rejected: the tool does not take these customers, the extra `campaigns` is not installed, or
            the disk refuses.
        StoreUnavailable: not every member could be read.
        CorruptRecord: what is stored is none.
    """
    from adapters.audience_files import open_audience_files
    from domain.campaigns import listed_of

    excel = kind == "excel"
    form = "csv" if excel else kind
    ending = form if form in {"ndjson", "parquet"} else "csv"
    path = folder / f"{campaign.name}.{ending}"
    campaigns = open_campaigns(settings)
    with open_audience_files(form, path, stdout=BytesIO(), holdout=False, excel=excel) as opened:
        for batch in campaigns.members(campaign):
            opened.write(listed_of(campaign, batch))
    if len(opened.paths) == 1:
        return opened.paths[0]
    zipped = folder / f"{campaign.name}.zip"
    with ZipFile(zipped, "w", ZIP_DEFLATED) as archive:
        for each in opened.paths:
            archive.write(each, each.name)
    return zipped


def check_installed(*packages: str) -> None:
    """Returns when these packages are there.

    Raises:
        Rejected: the extra `campaigns` is not installed.
    """
    if any(find_spec(package) is None for package in packages):
        raise Rejected("campaign", "needs the extra: pip install 'propensity[campaigns]'")
