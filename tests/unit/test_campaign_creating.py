"""Creating a campaign: who becomes a member, into which arm, and what is left when it breaks off."""

import asyncio
import threading
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.campaigns import ObjectCampaigns
from adapters.campaigns.tidying import TidyCampaigns
from domain.audience import Member
from domain.campaigns import (
    Assignment,
    CampaignArm,
    Claim,
    Creation,
    CreationState,
    FrozenMember,
    Policy,
    Progress,
    Rule,
)
from domain.campaigns.eligibility import EligibleIndex, IdSet
from domain.campaigns.ranking import Ranking, tenth_of
from domain.categories import Position
from domain.errors import Conflict, MembersRemoved, Rejected, StoreUnavailable
from domain.prediction import Arm
from domain.values import BUCKETS
from tests.builders import DAY, NOW, a_purchase
from tests.campaigns import CUSTOMERS, Place, a_store, an_order, spending
from tests.doubles.store import Call, ReferenceStore, failing_with, no_trouble


def ids(members: list[FrozenMember]) -> set[str]:
    return {member.customer_id for member in members}


def test_everybody_of_the_category_is_a_member_with_score_version_and_the_time_before() -> None:
    place = Place(a_store())
    campaign = place.created()
    members = place.members(campaign)
    assert {m.customer_id: m.probability for m in members} == CUSTOMERS
    assert len(members) == campaign.size == campaign.eligible == 600
    assert {m.version for m in members} == {3}
    for member in members:
        assert member.volume_before_minor == round(member.probability * 100_000)
    assert [part.rows for part in campaign.parts] == [100] * 6
    assert (campaign.model, campaign.as_of, campaign.created_at) == ("propensity", NOW, NOW)
    assert campaign.baseline.rate == pytest.approx(sum(CUSTOMERS.values()) / 600)
    assert len(campaign.baseline.cuts) == 9
    assert place.campaigns.named("spring") == campaign


def test_arms_are_those_of_chance_by_customer_and_campaign() -> None:
    place = Place(a_store())
    first, second = place.created(holdout=2_000), place.created("summer", holdout=2_000)
    arms = [{m.customer_id: m.arm for m in place.members(each)} for each in (first, second)]
    assert arms[0] == {each: Assignment("spring", 2_000).arm_of(each) for each in CUSTOMERS}
    assert Counter(arms[0].values()) == first.members
    assert 60 < first.members[CampaignArm.HELD_OUT] < 180
    both = sum(arms[0][each] is arms[1][each] is CampaignArm.HELD_OUT for each in CUSTOMERS)
    assert 5 < both < 50, "one campaign must not decide who is held out of the next"


def test_a_larger_hold_out_of_one_campaign_only_adds() -> None:
    few, many = Assignment("spring", 500), Assignment("spring", 2_500)
    for customer in CUSTOMERS:
        if few.arm_of(customer) is CampaignArm.HELD_OUT:
            assert many.arm_of(customer) is CampaignArm.HELD_OUT


@pytest.mark.parametrize(
    ("policy", "lowest", "size"),
    [
        ({"top_share": 2_000}, 0.481, 120),
        ({"top": 50}, 0.551, 50),
        ({"top": 9_999}, 0.001, 600),
        ({"min_probability": 0.5}, 0.5, 101),
        ({"max_probability": 0.1, "top_share": 1_000}, 0.091, 10),
    ],
)
def test_the_policy_chooses_by_probability(
    policy: dict[str, object], lowest: float, size: int
) -> None:
    place = Place(a_store())
    members = place.members(place.created(**policy))  # type: ignore[arg-type]
    assert len(members) == size
    assert min(member.probability for member in members) == lowest


def test_rules_take_out_before_anybody_is_scored_and_say_how_many() -> None:
    place = Place(a_store())
    earlier = place.created("earlier", top=100, holdout=5_000)
    contacted = {m.customer_id for m in place.members(earlier) if m.arm is CampaignArm.TREATED}
    suppressed = [f"c{number:04}" for number in range(1, 31)]
    before = len(place.store.calls_of("read"))
    campaign = place.created(
        "later", suppressed=[*suppressed, "nobody"], suppression=True, not_contacted_days=7
    )
    reads = place.store.calls_of("read")[before:]
    asked = {each for call in reads for each in call.customers}
    assert not asked & {*suppressed, *contacted}
    assert campaign.removed == {Rule.SUPPRESSED: 30, Rule.CONTACTED: len(contacted)}
    assert ids(place.members(campaign)) == CUSTOMERS.keys() - {*suppressed, *contacted}
    assert campaign.eligible == campaign.size == 600 - 30 - len(contacted)


def test_a_campaign_of_long_ago_contacted_nobody_lately() -> None:
    place = Place(a_store())
    earlier = place.created("earlier")
    place.now += 8 * DAY
    create, week = place.creating(), Policy(not_contacted_days=7)
    assert len(create.contacted(week, place.now)) == 0
    place.campaigns.mark_sent("earlier", place.now - 6 * DAY)
    assert len(create.contacted(week, place.now)) == earlier.members[CampaignArm.TREATED]


def test_a_campaign_of_the_past_holds_only_who_was_a_customer_then() -> None:
    """The index has no time: who first bought since would be a sure buyer among the members."""
    ages = {"later": [5], "on the day": [40], "long ago": [300], "returned": [5, 200]}
    others = [
        a_purchase(
            customer_id=who,
            purchase_id=f"{who}-{age}",
            category="jewellery",
            purchased_at=NOW - age * DAY,
        )
        for who, bought in ages.items()
        for age in bought
    ]
    place = Place(a_store(others=others))
    order = an_order("past", as_of=NOW - 40 * DAY)
    campaign = asyncio.run(place.creating()(order))
    then = {p.customer_id for p in place.store.purchases.values() if p.purchased_at <= order.as_of}
    assert ids(place.members(campaign)) == then >= {"on the day", "long ago", "returned"}
    assert "later" not in then
    assert campaign.removed[Rule.FIRST_BOUGHT_LATER] == 600 + 4 - len(then)


def test_a_minimum_history_counts_purchases_that_are_left_in_the_days_before() -> None:
    again = [
        a_purchase(customer_id=f"c{number:04}", purchase_id="p2", purchased_at=NOW - age * DAY)
        for number, age in [(1, 5), (2, 29), (3, 60), (4, 200)]
    ]
    place = Place(a_store(others=again))
    campaign = place.created(min_purchases=2, history_days=90)
    assert ids(place.members(campaign)) == {"c0001", "c0002", "c0003"}
    assert campaign.removed == {Rule.TOO_FEW_PURCHASES: 597}


def test_the_time_before_ends_at_the_as_of() -> None:
    old = a_purchase(customer_id="c0001", purchase_id="old", purchased_at=NOW - 40 * DAY)
    place = Place(a_store(others=[old]))
    (first,) = [m for m in place.members(place.created()) if m.customer_id == "c0001"]
    assert first.volume_before_minor == 100


def test_nobody_left_is_refused_and_says_who_took_them() -> None:
    place = Place(a_store())
    with pytest.raises(Rejected, match="suppressed: 600"):
        place.created(suppressed=CUSTOMERS, suppression=True)
    assert place.campaigns.every() == []
    assert place.created().size == 600, "the name is free"


def test_a_name_that_is_taken_is_a_conflict_before_anybody_is_read() -> None:
    place = Place(a_store())
    place.created()
    calls = len(place.store.calls)
    with pytest.raises(Conflict):
        place.created(top=1)
    assert len(place.store.calls) == calls


def test_of_two_creations_at_once_one_wins_whole() -> None:
    place = Place(a_store())
    create = place.creating()

    async def both() -> list[object]:
        orders = [an_order(top=50), an_order(top=70)]
        return await asyncio.gather(*map(create, orders), return_exceptions=True)

    outcomes = asyncio.run(both())
    assert sorted(type(each).__name__ for each in outcomes) == ["Campaign", "Conflict"]
    campaign = place.campaigns.named("spring")
    assert campaign in outcomes
    assert len(place.members(campaign)) == campaign.size


@pytest.mark.parametrize("method", ["page", "read"])
def test_what_breaks_off_leaves_no_campaign(method: str) -> None:
    store = a_store()
    store.refuse = failing_with(StoreUnavailable("no permission", transient=False), method)
    place = Place(store)
    with pytest.raises(StoreUnavailable):
        place.created()
    assert place.campaigns.every() == []


def test_somebody_unread_is_never_left_out_silently() -> None:
    store = a_store()
    store.unread = frozenset({"c0100"})
    place = Place(store)
    with pytest.raises(StoreUnavailable, match="nothing was frozen"):
        place.created()
    assert place.campaigns.every() == []


def test_a_name_that_is_none_is_refused() -> None:
    place = Place(a_store())
    for name in ("", "Spring", "a b", "../x", "x" * 64):
        with pytest.raises(Rejected):
            place.created(name)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 70))
def test_the_highest_are_exactly_so_many_whatever_the_order(
    probabilities: list[float], most: int
) -> None:
    members = [Member(f"c{number}", each) for number, each in enumerate(probabilities)]
    chosen = []
    for order in (members, members[::-1]):
        ranking = Ranking()
        for at in range(0, len(order), 7):
            ranking.add(order[at : at + 7])
        mask = ranking.highest(most)
        chosen.append({m.customer_id for m, kept in zip(order, mask, strict=True) if kept})
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == min(most, len(members))
    left = [m.probability or 0 for m in members if m.customer_id not in chosen[0]]
    taken = [m.probability or 0 for m in members if m.customer_id in chosen[0]]
    assert max(left, default=0.0) <= min(taken)


@given(st.lists(st.floats(0, 1), min_size=10, max_size=200))
def test_tenths_are_ordered_by_probability(probabilities: list[float]) -> None:
    ranking = Ranking()
    ranking.add([Member(f"c{n}", each) for n, each in enumerate(probabilities)])
    cuts = ranking.cuts(ranking.highest(BUCKETS))
    assert cuts == sorted(cuts)
    tenths = [tenth_of(each, cuts) for each in sorted(probabilities)]
    assert tenths == sorted(tenths, reverse=True)
    assert set(tenths) <= set(range(10))


@given(st.sets(st.text(min_size=1, max_size=8)), st.sets(st.text(min_size=1, max_size=8)))
def test_an_id_set_holds_what_it_was_given(inside: set[str], others: set[str]) -> None:
    ids = IdSet(inside)
    assert len(ids) == len(inside)
    assert all(each in ids for each in inside)
    assert not any(each in ids for each in others - inside)


@given(st.sets(st.integers(0, 199), max_size=200), st.integers(1, 60), st.integers(1, 40))
def test_an_eligible_index_yields_the_others_once_and_counts_each_removed_once(
    suppressed: set[int], page_size: int, most: int
) -> None:
    customers = [f"c{number:04}" for number in range(200)]
    store = ReferenceStore(
        [spending(each, 0.5) for each in customers], shards=2, page_size=page_size
    )
    taken = {customers[number] for number in suppressed}
    index = EligibleIndex(store, {Rule.SUPPRESSED: IdSet(taken)})

    async def everybody() -> list[str]:
        found: list[str] = []
        for shard in range(index.shards):
            position: Position | None = Position(shard)
            while position is not None:
                page = await index.page("jewellery", shard=shard, after=position.after, most=most)
                assert page.customers or not page.more
                found += page.customers
                position = Position(shard, page.customers[-1]) if page.more else None
        return found

    found = asyncio.run(everybody())
    assert len(found) == len(set(found))
    assert set(found) == set(customers) - taken
    assert index.removed[Rule.SUPPRESSED] == len(taken)


def test_a_policy_that_means_nothing_is_refused() -> None:
    for wrong in ({"min_probability": 0.6, "max_probability": 0.5}, {"holdout": BUCKETS}):
        with pytest.raises(ValueError):
            Policy(**wrong)


def test_a_share_keeps_at_least_one() -> None:
    assert Policy(top_share=1).kept(600) == 1
    assert Policy().kept(600) == 600
    assert Arm.CHAMPION in Place(a_store()).created().versions


def test_others_read_how_far_a_creation_is_and_why_it_failed() -> None:
    store = a_store()
    place = Place(store)
    seen: list[Creation | None] = []

    def look(call: Call) -> None:
        if call.method == "read":
            seen.append(place.campaigns.creation("spring"))

    store.refuse = look
    creating = replace(place.creating(), beat_s=0.0)
    campaign = asyncio.run(creating(an_order()))
    assert campaign.created_at == NOW
    states = {each.state for each in seen if each is not None}
    assert states == {CreationState.CREATING}
    store.refuse = failing_with(StoreUnavailable("no permission", transient=False), "read")
    with pytest.raises(StoreUnavailable):
        place.created("summer")
    failed = place.campaigns.creation("summer")
    assert failed is not None
    assert (failed.claim.owner, failed.state) == ("anna", CreationState.FAILED)
    assert "no permission" in str(failed.reason)
    store.refuse = no_trouble
    assert place.created("summer").size == 600, "the name is free again"


def test_a_beat_that_is_slow_does_not_hide_that_the_creation_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = a_store()
    begun, go_on = threading.Event(), threading.Event()
    tell = ObjectCampaigns.tell

    def slowly(self: ObjectCampaigns, claim: Claim, at: int, progress: Progress, /) -> None:
        begun.set()
        assert go_on.wait(30)
        tell(self, claim, at, progress)

    def refuse(_: Call) -> None:
        assert begun.wait(30)
        threading.Timer(0.1, go_on.set).start()
        raise StoreUnavailable("no permission", transient=False)

    monkeypatch.setattr(ObjectCampaigns, "tell", slowly)
    store.refuse = refuse
    place = Place(store)
    with pytest.raises(StoreUnavailable):
        place.created()
    failed = place.campaigns.creation("spring")
    assert failed is not None
    assert failed.state is CreationState.FAILED


def test_a_creation_whose_name_is_held_uses_that_claim() -> None:
    place = Place(a_store())
    claim = place.campaigns.begin("spring", NOW - 5, "ben")
    with pytest.raises(Conflict, match="ben"):
        place.created()
    campaign = asyncio.run(place.creating()(an_order(), claim=claim))
    assert campaign.created_at == NOW - 5
    assert place.campaigns.named("spring") == campaign


def test_members_are_removed_once_they_were_kept_long_enough() -> None:
    place = Place(a_store())
    campaign = place.created(top=100)
    tidy = TidyCampaigns(place.objects, place.clock, retention_days=30)
    place.campaigns.mark_sent("spring", NOW + DAY)
    place.now = NOW + 30 * DAY
    assert tidy().campaigns_emptied == 0, "it began when it was sent"
    place.now = NOW + 31 * DAY
    done = tidy()
    assert (done.campaigns_emptied, done.parts_removed) == (1, 1)
    emptied = place.campaigns.named("spring")
    assert (emptied.members, emptied.baseline) == (campaign.members, campaign.baseline)
    assert (emptied.sent_at, emptied.members_removed_at) == (NOW + DAY, place.now)
    with pytest.raises(MembersRemoved):
        place.members(emptied)
    assert place.objects.keys("campaigns/spring/parts/") == []
    assert tidy().campaigns_emptied == 0
    with pytest.raises(MembersRemoved):
        place.created("later", not_contacted_days=90)
    assert place.campaigns.creation("later") is not None


def test_what_a_deletion_left_is_tidied() -> None:
    place = Place(a_store())
    place.created()
    place.objects.put_if_absent("campaigns/spring/deleted.json", b"{}")
    assert place.campaigns.every() == []
    place.tidy()
    assert place.objects.keys("campaigns/") == ["campaigns/spring/deleted.json"]
