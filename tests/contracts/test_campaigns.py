"""The Campaigns contract: always the same members, whole or refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.campaigns import ObjectCampaigns
from adapters.campaigns.places import part_key
from adapters.object_store import open_object_store
from domain.campaigns import CampaignArm, FrozenMember, MemberPart
from domain.errors import CorruptRecord, NotFound
from tests.builders import NOW
from tests.campaigns import a_campaign, a_member
from tests.contracts.conftest import OBSTORES
from tests.doubles.memory import MemoryPlace

MEMBERS = st.lists(
    st.builds(
        FrozenMember,
        st.text(min_size=1, max_size=20),
        st.sampled_from(CampaignArm),
        st.floats(0.0, 1.0),
        st.integers(1, 2**31 - 1),
        st.integers(-(2**63), 2**63 - 1),
    ),
    max_size=30,
)


@pytest.fixture(params=OBSTORES)
def campaigns(request: pytest.FixtureRequest, obstore: Callable[[str], str]) -> ObjectCampaigns:
    return ObjectCampaigns(open_object_store(obstore(request.param)))


def members(campaigns: ObjectCampaigns, name: str = "spring") -> list[FrozenMember]:
    return [each for batch in campaigns.members(campaigns.named(name)) for each in batch]


@given(MEMBERS, MEMBERS)
def test_members_are_read_as_they_were_written_bit_for_bit(
    some: list[FrozenMember], others: list[FrozenMember]
) -> None:
    campaigns = ObjectCampaigns(MemoryPlace())
    parts = [campaigns.write("spring", NOW, each) for each in (some, others)]
    campaigns.commit(a_campaign(parts=parts))
    assert members(campaigns) == [*some, *others]


def test_the_newest_comes_first_and_each_by_its_name(campaigns: ObjectCampaigns) -> None:
    for day, name in enumerate(("spring", "spring-2", "autumn")):
        campaigns.commit(a_campaign(name, created_at=NOW + day))
    assert [each.name for each in campaigns.every()] == ["autumn", "spring-2", "spring"]
    assert campaigns.named("spring") == a_campaign(created_at=NOW)
    with pytest.raises(NotFound):
        campaigns.named("spr")


def test_every_reading_gives_the_same_members_in_the_same_order(campaigns: ObjectCampaigns) -> None:
    written = [a_member(f"c{number}") for number in range(300)]
    parts = [campaigns.write("spring", NOW, written[at : at + 100]) for at in range(0, 300, 100)]
    campaigns.commit(a_campaign(parts=parts))
    assert members(campaigns) == members(campaigns) == written


def test_a_part_that_is_missing_or_another_is_refused() -> None:
    store = MemoryPlace()
    campaigns = ObjectCampaigns(store)
    part = campaigns.write("spring", NOW, [a_member()])
    other = campaigns.write("spring", NOW, [a_member("c2")])
    absent = MemberPart(part.name.replace(".parquet", "0.parquet"), 1)
    campaigns.commit(a_campaign(parts=[absent]))
    with pytest.raises(CorruptRecord, match="missing"):
        members(campaigns)
    campaigns.commit(replace(a_campaign("summer"), parts=[part]))
    store.put_if_absent(part_key("summer", part.name), store.get(part_key("spring", other.name)))
    with pytest.raises(CorruptRecord, match="not what was written"):
        members(campaigns, "summer")
