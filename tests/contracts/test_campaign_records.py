"""The CampaignRecords contract: what is known later stands beside the campaign, never over it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.campaigns import ObjectCampaigns
from adapters.object_store import open_object_store
from domain.campaigns import CampaignResults, Difference, Interval, Measured, Metric, Verdict
from domain.errors import Conflict, NotFound
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.conftest import OBSTORES

DIFFERENCE = Difference(
    estimate=0.1,
    interval=Interval(-0.1, 0.3),
    relative=None,
    relative_interval=Interval(None, None),
    variance=0.01,
)
RESULTS = CampaignResults(
    measured_at=NOW + 1,
    begins_at=NOW,
    days=30,
    over=False,
    treated=9,
    held_out=1,
    unread=0,
    holdout=0.1,
    sample_ratio=0.7,
    metrics=[
        Measured(
            metric=Metric.CONVERSION,
            treated=0.3,
            held_out=0.2,
            difference=DIFFERENCE,
            always_valid=None,
            verdict=Verdict.TOO_EARLY,
        )
    ],
    uplift=[],
)


@pytest.fixture(params=OBSTORES)
def campaigns(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectCampaigns:
    campaigns = ObjectCampaigns(open_object_store(obstore(request.param)))
    campaigns.commit(a_campaign())
    return campaigns


def test_a_campaign_is_sent_once(campaigns: ObjectCampaigns) -> None:
    assert campaigns.named("spring").begins_at == NOW
    campaigns.mark_sent("spring", NOW + 5)
    campaigns.mark_sent("spring", NOW + 5)
    with pytest.raises(Conflict):
        campaigns.mark_sent("spring", NOW + 6)
    with pytest.raises(NotFound):
        campaigns.mark_sent("summer", NOW)
    assert campaigns.named("spring").begins_at == campaigns.every()[0].begins_at == NOW + 5


def test_results_are_kept_as_they_were_measured(campaigns: ObjectCampaigns) -> None:
    later = replace(RESULTS, measured_at=NOW + 2, over=True)
    for results in (later, RESULTS, replace(RESULTS, treated=8)):
        campaigns.keep("spring", results)
    assert campaigns.measured("spring") == [NOW + 1, NOW + 2]
    assert campaigns.results("spring", NOW + 1) == RESULTS
    assert campaigns.results("spring", NOW + 2) == later
    assert campaigns.measured("summer") == []
    with pytest.raises(NotFound):
        campaigns.results("spring", NOW + 3)


def test_what_was_deleted_is_read_by_nobody_and_its_name_is_never_free(
    campaigns: ObjectCampaigns,
) -> None:
    part = campaigns.write("autumn", NOW, [a_member()])
    campaigns.commit(a_campaign("autumn", parts=[part]))
    campaigns.commit(a_campaign("autumn-2"))
    campaigns.keep("autumn", RESULTS)
    campaigns.delete("autumn", NOW + 1)
    campaigns.delete("autumn", NOW + 2)
    assert sorted(each.name for each in campaigns.every()) == ["autumn-2", "spring"]
    assert campaigns.creation("autumn") is None
    assert campaigns.measured("autumn") == []
    for read in (campaigns.named, lambda name: campaigns.mark_sent(name, NOW)):
        with pytest.raises(NotFound):
            read("autumn")
    with pytest.raises(Conflict, match="deleted"):
        campaigns.begin("autumn", NOW + 3, "anna")
    with pytest.raises(NotFound):
        campaigns.delete("summer", NOW)
