"""Campaigns in an object store: members as Parquet, manifests that name them, marks of erasures."""

from adapters.campaigns.erasing import MarkedCampaignEraser as MarkedCampaignEraser
from adapters.campaigns.flags import ObjectFlagRecords as ObjectFlagRecords
from adapters.campaigns.spool import TemporarySpool as TemporarySpool
from adapters.campaigns.store import ObjectCampaigns as ObjectCampaigns
