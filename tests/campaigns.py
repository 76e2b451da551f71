"""Campaigns of tests: a category with known scores, a place for campaigns, and who creates them."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adapters.campaigns import MarkedCampaignEraser, ObjectCampaigns, TemporarySpool
from adapters.campaigns.tidying import TidyCampaigns
from adapters.object_store import ObstoreObjectStore, open_object_store
from adapters.statistics import ScipyStatistics
from domain.audience import ScoreAudience
from domain.campaigns import (
    Baseline,
    Campaign,
    CampaignArm,
    CampaignOrder,
    CampaignResults,
    CreateCampaign,
    FrozenMember,
    MeasureExperiment,
    Policy,
    ReadSpans,
    enrolled_of,
    experiment_of,
)
from domain.prediction import Arm
from domain.purchases import Purchase
from domain.recent import TableSize
from tests.builders import DAY, NOW, a_purchase, a_traffic
from tests.doubles.memory import ManualClock
from tests.doubles.store import ReferenceStore
from tests.faulty_store import VirtualTime

CUSTOMERS = {f"c{number:04}": number / 1_000 for number in range(1, 601)}


class Thousandths:
    """A probability of a thousandth per unit of money spent."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        result: NDArray[np.float64] = matrix[:, 0] / 1_000
        return result


def spending(customer: str, probability: float) -> Purchase:
    """A purchase of yesterday that makes the customer as probable."""
    return a_purchase(
        customer_id=customer, category="jewellery", amount_minor=round(probability * 100_000)
    )


def a_store(
    probabilities: Mapping[str, float] = CUSTOMERS, *, others: Iterable[Purchase] = ()
) -> ReferenceStore:
    """A category whose customers are as probable as given."""
    purchases = [spending(*each) for each in probabilities.items()]
    store = ReferenceStore([*purchases, *others], shards=2, page_size=40, clock=ManualClock(NOW))
    store.table_size = TableSize(items=1_000, bytes=1_000_000)
    return store


@dataclass
class Place:
    """A store of purchases and one of campaigns, with everything that works on them."""

    store: ReferenceStore
    objects: ObstoreObjectStore = field(default_factory=lambda: open_object_store("memory:"))
    now: int = NOW

    @property
    def campaigns(self) -> ObjectCampaigns:
        return ObjectCampaigns(self.objects)

    @property
    def eraser(self) -> MarkedCampaignEraser:
        return MarkedCampaignEraser(self.objects)

    @property
    def tidy(self) -> TidyCampaigns:
        return TidyCampaigns(self.objects, self.clock)

    @property
    def spans(self) -> ReadSpans:
        return ReadSpans(recent=self.store, history=self.store, pacing=VirtualTime().pacing())

    def clock(self) -> int:
        return self.now

    def creating(self, part_rows: int = 100) -> CreateCampaign:
        pacing = VirtualTime().pacing()
        return CreateCampaign(
            audience=ScoreAudience(
                index=self.store, recent=self.store, history=self.store, pacing=pacing
            ),
            spans=self.spans,
            drafts=self.campaigns,
            campaigns=self.campaigns,
            statistics=ScipyStatistics(),
            spool=TemporarySpool,
            clock=self.clock,
            part_rows=part_rows,
        )

    def created(
        self, name: str = "spring", *, suppressed: Iterable[str] = (), **policy: object
    ) -> Campaign:
        """A campaign of jewellery."""
        order = an_order(name, suppressed=suppressed, as_of=self.now, **policy)
        return asyncio.run(self.creating()(order))

    def members(self, campaign: Campaign) -> list[FrozenMember]:
        return [member for batch in self.campaigns.members(campaign) for member in batch]

    def measured(self, campaign: Campaign, days: int = 30) -> CampaignResults:
        measure = MeasureExperiment(
            spans=self.spans, statistics=ScipyStatistics(), clock=self.clock, deadline_s=60.0
        )
        enrolled = enrolled_of(campaign, self.campaigns.members(campaign))
        return asyncio.run(measure(enrolled, experiment_of(campaign, days)))


def an_order(
    name: str = "spring", *, suppressed: Iterable[str] = (), as_of: int = NOW, **policy: object
) -> CampaignOrder:
    return CampaignOrder(
        name=name,
        owner="anna",
        category="jewellery",
        as_of=as_of,
        traffic=a_traffic(Thousandths(), version=3),
        policy=Policy(**policy),  # type: ignore[arg-type]
        currency="USD",
        deadline_s=60.0,
        suppressed=suppressed,
        expected=600,
    )


def a_member(customer_id: str = "c1", **changes: object) -> FrozenMember:
    values: dict[str, object] = {
        "arm": CampaignArm.TREATED,
        "probability": 0.25,
        "version": 3,
        "volume_before_minor": 1_250,
    }
    return FrozenMember(customer_id, **(values | changes))  # type: ignore[arg-type]


def a_campaign(name: str = "spring", **changes: object) -> Campaign:
    values: dict[str, object] = {
        "category": "jewellery",
        "created_at": NOW,
        "as_of": NOW,
        "model": "propensity",
        "revision": 4,
        "versions": {Arm.CHAMPION: 3},
        "policy": Policy(),
        "eligible": 2,
        "members": {CampaignArm.TREATED: 1, CampaignArm.HELD_OUT: 0},
        "baseline": Baseline(
            rate=0.1, in_category=False, horizon_days=30, spread_before=9.5, cuts=[0.1], lift=None
        ),
        "currency": "USD",
        "parts": [],
    }
    return Campaign(name=name, **(values | changes))  # type: ignore[arg-type]


def bought(
    customer: str, day: int, *, amount_minor: int = 2_000, category: str = "grocery"
) -> Purchase:
    """A purchase so many days after NOW."""
    return a_purchase(
        customer_id=customer,
        purchase_id=f"later-{day}-{category}",
        purchased_at=NOW + day * DAY,
        category=category,
        amount_minor=amount_minor,
    )
