"""Campaigns: frozen members, treated or held out, and whether the campaign worked."""

from domain.campaigns.statistics import CampaignStatistics as CampaignStatistics
from domain.campaigns.statistics import Difference as Difference
from domain.campaigns.statistics import Interval as Interval
from domain.campaigns.statistics import Moments as Moments
from domain.campaigns.statistics import Share as Share
