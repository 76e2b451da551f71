"""A campaign of the past with its result: frozen as of then, and measured by what was bought since.

Nobody was mailed, so the two halves are alike but for chance, and the result should say so.
"""

import asyncio
from contextlib import suppress

from api import composition
from api.cli.actor import actor
from api.cli.audit import audited
from api.cli.output import say
from api.composition import Application
from domain.audit import Act, Target
from domain.campaigns import CampaignWanted, Policy, enrolled_of, experiment_of
from domain.errors import NotFound
from domain.values import BUCKETS, MICROS_PER_DAY

NAME = "nobody-was-mailed"
CATEGORY = "deli"
DAYS = 30


def freeze_and_measure(built: Application, newest_at: int) -> None:
    """The campaign is there, as of 30 days before the newest purchase, with its result."""
    campaigns = composition.open_campaigns(built.settings)
    with suppress(NotFound):
        campaigns.named(NAME)
        return
    as_of = newest_at - DAYS * MICROS_PER_DAY
    built.live.start()
    wanted = CampaignWanted(
        name=NAME, category=CATEGORY, as_of=as_of, policy=Policy(holdout=BUCKETS // 2)
    )
    with audited(built.settings, Act.CREATE_CAMPAIGN, Target.CAMPAIGN, NAME):
        composition.create_campaign(built, wanted, owner=actor())
    with audited(built.settings, Act.SEND_CAMPAIGN, Target.CAMPAIGN, NAME):
        campaigns.mark_sent(NAME, as_of)
    campaign = campaigns.named(NAME)
    found = asyncio.run(
        composition.measure_experiment(built)(
            enrolled_of(campaign, campaigns.members(campaign)), experiment_of(campaign, DAYS)
        )
    )
    if not found.unread:
        campaigns.keep(NAME, found)
    say(
        f"      a campaign of {DAYS} days, measured: {found.treated:,} customers of {CATEGORY} "
        f"against {found.held_out:,} held out (nobody was mailed: a trial of nothing)"
    )
