"""The CampaignEraser contract: no reader meets an erased customer, and then the bytes are gone."""

import io
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest

from adapters.campaigns import MarkedCampaignEraser, ObjectCampaigns
from adapters.campaigns.tidying import TidyCampaigns
from adapters.object_store import ObstoreObjectStore, open_object_store
from domain.campaigns import LONGEST_US, CampaignArm, FrozenMember, Tidied
from domain.errors import StoreUnavailable
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import ManualClock

CANARY = "canary-4711"
DAY_AND_HOURS = LONGEST_US + 2 * 3_600_000_000


@pytest.fixture(params=OBSTORES)
def store(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObstoreObjectStore:
    return open_object_store(obstore(request.param))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW + 10)


def a_written_campaign(store: ObstoreObjectStore, name: str, at: int = NOW) -> ObjectCampaigns:
    """A campaign of three parts, the canary in the second one."""
    campaigns = ObjectCampaigns(store)
    campaigns.begin(name, at, "anna")
    ids = [["a", "b"], ["c", CANARY, "d"], ["e"]]
    parts = [campaigns.write(name, at, [a_member(each) for each in some]) for some in ids]
    sizes = {CampaignArm.TREATED: 6, CampaignArm.HELD_OUT: 0}
    campaigns.commit(a_campaign(name, created_at=at, parts=parts, members=sizes))
    return campaigns


def ids(campaigns: ObjectCampaigns, name: str) -> list[str]:
    batches = campaigns.members(campaigns.named(name))
    return [member.customer_id for batch in batches for member in batch]


def places_of(canary: str, store: ObstoreObjectStore) -> list[str]:
    """The objects that hold the canary, in their bytes or in what Parquet makes of them."""
    found = []
    for key in store.keys(""):
        content = store.get(key)
        if key.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(content))
            content += repr(table.to_pylist()).encode()
        if canary.encode() in content or canary in key:
            found.append(key)
    return found


def test_from_its_beginning_on_no_reader_meets_the_customer(store: ObstoreObjectStore) -> None:
    campaigns = a_written_campaign(store, "spring")
    assert ids(campaigns, "spring") == ["a", "b", "c", CANARY, "d", "e"]
    eraser = MarkedCampaignEraser(store)
    eraser.begin(CANARY, NOW + 5)
    assert ids(campaigns, "spring") == ["a", "b", "c", "d", "e"]
    eraser.finish(CANARY, NOW + 6)
    eraser.finish(CANARY, NOW + 6)
    assert ids(campaigns, "spring") == ["a", "b", "c", "d", "e"]


def test_a_customer_who_comes_back_is_in_later_campaigns(store: ObstoreObjectStore) -> None:
    eraser, campaigns = MarkedCampaignEraser(store), a_written_campaign(store, "spring")
    eraser.begin(CANARY, NOW + 5)
    later = a_written_campaign(store, "summer", NOW + 7)
    assert CANARY not in ids(later, "summer"), "the erasure is not complete"
    eraser.finish(CANARY, NOW + 6)
    assert CANARY in ids(later, "summer")
    assert CANARY not in ids(campaigns, "spring")


def test_a_creation_under_way_is_covered(store: ObstoreObjectStore) -> None:
    campaigns, eraser = ObjectCampaigns(store), MarkedCampaignEraser(store)
    campaigns.begin("other", NOW, "anna")
    eraser.begin(CANARY, NOW + 1)
    eraser.finish(CANARY, NOW + 2)
    a_written_campaign(store, "spring")
    assert CANARY not in ids(campaigns, "spring")


def test_where_no_campaign_ever_began_nothing_is_kept(store: ObstoreObjectStore) -> None:
    eraser = MarkedCampaignEraser(store)
    eraser.begin(CANARY, NOW)
    eraser.finish(CANARY, NOW)
    assert store.keys("") == []


def test_marks_do_not_name_the_customer(store: ObstoreObjectStore) -> None:
    ObjectCampaigns(store).begin("spring", NOW, "anna")
    MarkedCampaignEraser(store).begin(CANARY, NOW)
    assert len(store.keys("campaign-erasures/")) == 1
    assert places_of(CANARY, store) == []


def test_after_a_tidying_the_bytes_are_gone_and_the_others_stay(
    store: ObstoreObjectStore, clock: ManualClock
) -> None:
    campaigns, eraser = a_written_campaign(store, "spring"), MarkedCampaignEraser(store)
    campaigns.mark_sent("spring", NOW + 3)
    a_written_campaign(store, "summer")
    assert len(places_of(CANARY, store)) == 2
    eraser.begin(CANARY, NOW + 5)
    eraser.finish(CANARY, NOW + 6)
    done = TidyCampaigns(store, clock)()
    assert done == Tidied(campaigns_written=2, members_erased=2, parts_removed=2, erasures_left=1)
    assert places_of(CANARY, store) == []
    for name in ("spring", "summer"):
        campaign = campaigns.named(name)
        assert ids(campaigns, name) == ["a", "b", "c", "d", "e"]
        assert (campaign.number, campaign.size, campaign.erased) == (2, 5, 1)
    assert campaigns.named("spring").sent_at == NOW + 3
    assert TidyCampaigns(store, clock)() == Tidied(erasures_left=1)
    clock.now += DAY_AND_HOURS
    assert TidyCampaigns(store, clock)() == Tidied(erasures_done=1)
    assert store.keys("campaign-erasures/") == []


def test_an_erasure_that_is_not_complete_goes_on(
    store: ObstoreObjectStore, clock: ManualClock
) -> None:
    campaigns = a_written_campaign(store, "spring")
    MarkedCampaignEraser(store).begin(CANARY, NOW + 5)
    clock.now += DAY_AND_HOURS
    assert TidyCampaigns(store, clock)().erasures_left == 1
    assert CANARY not in ids(campaigns, "spring")


def test_what_a_creation_left_that_broke_off_is_gone_after_a_day(
    store: ObstoreObjectStore, clock: ManualClock
) -> None:
    campaigns = ObjectCampaigns(store)
    campaigns.begin("spring", NOW, "anna")
    campaigns.write("spring", NOW, [a_member(CANARY)])
    assert TidyCampaigns(store, clock)() == Tidied()
    clock.now += DAY_AND_HOURS
    assert TidyCampaigns(store, clock)() == Tidied(parts_removed=1)
    assert store.keys("") == []


def test_a_reader_of_parts_that_were_replaced_is_told_to_begin_again(
    store: ObstoreObjectStore, clock: ManualClock
) -> None:
    campaigns, eraser = a_written_campaign(store, "spring"), MarkedCampaignEraser(store)
    reading = campaigns.members(campaigns.named("spring"))
    next(reading)
    eraser.begin(CANARY, NOW + 5)
    TidyCampaigns(store, clock)()
    with pytest.raises(StoreUnavailable, match="tidied"):
        list(reading)


def test_of_two_that_tidy_at_once_nobody_loses_a_member(
    store: ObstoreObjectStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns, eraser = a_written_campaign(store, "spring"), MarkedCampaignEraser(store)
    eraser.begin(CANARY, NOW + 5)
    eraser.finish(CANARY, NOW + 6)
    write = ObjectCampaigns.write
    other = TidyCampaigns(store, ManualClock(clock.now + 1))

    def write_after_the_other(
        self: ObjectCampaigns, name: str, at: int, members: list[FrozenMember]
    ) -> object:
        monkeypatch.setattr(ObjectCampaigns, "write", write)
        assert other().campaigns_written == 1
        return write(self, name, at, members)

    monkeypatch.setattr(ObjectCampaigns, "write", write_after_the_other)
    assert TidyCampaigns(store, clock)().campaigns_written == 0
    assert ids(campaigns, "spring") == ["a", "b", "c", "d", "e"]
    assert places_of(CANARY, store) == []
