"""The CampaignDrafts contract: one winner for a name, and nothing before the commit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.campaigns import ObjectCampaigns
from adapters.object_store import open_object_store
from domain.errors import Conflict, NotFound
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.conftest import OBSTORES


@pytest.fixture(params=OBSTORES)
def campaigns(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectCampaigns:
    return ObjectCampaigns(open_object_store(obstore(request.param)))


def test_until_the_commit_there_is_no_campaign(campaigns: ObjectCampaigns) -> None:
    campaigns.begin("spring", NOW)
    part = campaigns.write("spring", NOW, [a_member()])
    assert part.rows == 1
    assert campaigns.every() == []
    with pytest.raises(NotFound):
        campaigns.named("spring")
    campaigns.begin("spring", NOW + 1)  # nobody has the name yet
    campaigns.commit(a_campaign(parts=[part]))
    assert campaigns.named("spring") == a_campaign(parts=[part])


def test_of_many_writers_of_one_name_one_wins(campaigns: ObjectCampaigns) -> None:
    def commit(revision: int) -> bool:
        try:
            campaigns.commit(a_campaign(revision=revision))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(commit, range(8)))
    assert won.count(True) == 1
    assert campaigns.named("spring").revision == won.index(True)


def test_a_name_that_is_taken_is_refused_at_the_beginning(campaigns: ObjectCampaigns) -> None:
    campaigns.commit(a_campaign())
    with pytest.raises(Conflict):
        campaigns.begin("spring", NOW)
    campaigns.begin("spring-2", NOW)
