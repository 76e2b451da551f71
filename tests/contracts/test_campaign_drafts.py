"""The CampaignDrafts contract: one winner for a name, and nothing before the commit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.campaigns import ObjectCampaigns
from adapters.object_store import open_object_store
from domain.campaigns import LOST, SILENT_US, Claim, CreationState, Progress
from domain.errors import Conflict, NotFound, Rejected
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.conftest import OBSTORES


@pytest.fixture(params=OBSTORES)
def campaigns(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectCampaigns:
    return ObjectCampaigns(open_object_store(obstore(request.param)))


def test_until_the_commit_there_is_no_campaign(campaigns: ObjectCampaigns) -> None:
    campaigns.begin("spring", NOW, "anna")
    part = campaigns.write("spring", NOW, [a_member()])
    assert part.rows == 1
    assert campaigns.every() == []
    with pytest.raises(NotFound):
        campaigns.named("spring")
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
        campaigns.begin("spring", NOW, "anna")
    campaigns.begin("spring-2", NOW, "anna")


def test_of_many_who_begin_at_once_one_holds_the_name(campaigns: ObjectCampaigns) -> None:
    def begin(number: int) -> Claim | None:
        try:
            return campaigns.begin("spring", NOW + number, f"owner-{number}")
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as threads:
        (held,) = [each for each in threads.map(begin, range(8)) if each is not None]
    found = campaigns.creation("spring")
    assert found is not None
    assert (found.claim, found.state) == (held, CreationState.CREATING)
    with pytest.raises(Conflict, match=held.owner):
        campaigns.begin("spring", NOW + 9, "late")


def test_the_newest_of_what_is_told_is_read(campaigns: ObjectCampaigns) -> None:
    assert campaigns.creation("spring") is None
    claim = campaigns.begin("spring", NOW, "anna")
    for done in (1, 7):
        campaigns.tell(claim, NOW + done, Progress(step="scoring", done=done, total=9))
    found = campaigns.creation("spring")
    assert found is not None
    assert (found.told_at, found.progress) == (NOW + 7, Progress(step="scoring", done=7, total=9))
    campaigns.commit(a_campaign())
    ready = campaigns.creation("spring")
    assert ready is not None
    assert ready.state is CreationState.READY
    with pytest.raises(Rejected):
        campaigns.creation("../spring")


def test_a_creation_that_failed_holds_nothing(campaigns: ObjectCampaigns) -> None:
    first = campaigns.begin("spring", NOW, "anna")
    campaigns.fail(first, NOW + 1, "nobody is left")
    found = campaigns.creation("spring")
    assert found is not None
    assert (found.state, found.reason) == (CreationState.FAILED, "nobody is left")
    second = campaigns.begin("spring", NOW + 2, "ben")
    assert (second.number, second.owner) == (2, "ben")
    campaigns.fail(first, NOW + 3, "again")
    after = campaigns.creation("spring")
    assert after is not None
    assert (after.claim, after.state) == (second, CreationState.CREATING)


def test_a_creation_that_is_silent_holds_nothing_and_one_that_goes_on_does(
    campaigns: ObjectCampaigns,
) -> None:
    claim = campaigns.begin("spring", NOW, "anna")
    campaigns.tell(claim, NOW + SILENT_US, Progress())
    with pytest.raises(Conflict):
        campaigns.begin("spring", NOW + 2 * SILENT_US - 1, "ben")
    found = campaigns.creation("spring")
    assert found is not None
    seen = found.seen_at(NOW + 2 * SILENT_US)
    assert (seen.state, seen.reason) == (CreationState.FAILED, LOST)
    assert campaigns.begin("spring", NOW + 2 * SILENT_US, "ben").owner == "ben"
