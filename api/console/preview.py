"""How many decisions would change if a version answered everyone, and on what that rests."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.categories import CategoryIndex
from domain.decision_log import DecisionLog
from domain.decisions import Flag, Policy, TopShare
from domain.features import Histories
from domain.prediction import ReadPurchases, ServedModel
from domain.purchases import Purchase, PurchaseHistory
from domain.replay import DecideOtherwise, newest_decisions
from domain.values import Clock
from model_registry.serving import Presence, merged

MOST = 200
"""Decisions or customers that are looked at: enough to tell 5 % from 10 %."""
_AT_ONCE = 4
"""Reads: whoever only looks leaves the store to those who serve."""
FEWEST_BY_SHADOW = 100
FEWEST_LOGGED = 50
_CATEGORIES, _SHARDS = 4, 4
_Rule: TypeAlias = tuple[str, Policy | TopShare]


class Preview(Struct, frozen=True, kw_only=True):
    """What would change. Of `decisions` some more would be acted on, and some fewer; null: not known.

    `basis` is shadow, log or sample; `asked` says of what the decisions are, for people.
    """

    model: str
    version: int
    beside: Annotated[int | None, Meta(description="The version that answered, if it is one.")]
    basis: str
    asked: str
    decisions: int
    changed: Annotated[float | None, Meta(description="The share of 1 that would be another.")]
    more: int | None
    fewer: int | None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewChange:
    """Asks the shadows first, then the log of decisions, then a sample of customers.

    `first_model` is the one that a flag means which names none.
    """

    presence: Presence
    log: DecisionLog | None
    history: PurchaseHistory
    read: ReadPurchases
    index: CategoryIndex
    flags: Mapping[str, Flag]
    policy: Policy
    first_model: str
    clock: Clock
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, champion: ServedModel, candidate: ServedModel) -> Preview:
        """What would change; it reads at most MOST histories.

        Raises:
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        found = await asyncio.to_thread(self._by_shadow, candidate)
        if found is None and self.log is not None:
            found = await self._by_log(self.log, candidate)
        return found or await self._by_sample(champion, candidate)

    def _by_shadow(self, candidate: ServedModel) -> Preview | None:
        live = self.presence.live(candidate.name)
        reports = [
            each
            for each in merged(report for process in live for report in process.shadows)
            if each.shadow == candidate.version and each.compared >= FEWEST_BY_SHADOW
        ]
        if not reports:
            return None
        compared = sum(each.compared for each in reports)
        return Preview(
            model=candidate.name,
            version=candidate.version,
            beside=reports[0].answered_by if len(reports) == 1 else None,
            basis="shadow",
            asked="answers that it shadowed",
            decisions=compared,
            changed=sum(each.changed for each in reports) / compared,
            more=None,
            fewer=None,
        )

    async def _by_log(self, log: DecisionLog, candidate: ServedModel) -> Preview | None:
        now = self.clock()
        decisions = await asyncio.to_thread(
            newest_decisions, log, candidate.name, most=MOST, now=now
        )
        if len(decisions) < FEWEST_LOGGED:
            return None
        decide = DecideOtherwise(history=self.history, flags=self.flags, policy=self.policy)
        found = await decide(decisions, candidate)
        return Preview(
            model=candidate.name,
            version=candidate.version,
            beside=None,
            basis="log",
            asked="newest logged decisions",
            decisions=found.decisions,
            changed=found.changed,
            more=found.more,
            fewer=found.fewer,
            left_out=found.left_out,
        )

    async def _by_sample(self, champion: ServedModel, candidate: ServedModel) -> Preview:
        customers = await self._sample(targeted=candidate.features.targeted)
        name, policy = self._rule(candidate.name)
        reach, now = champion.features.reach | candidate.features.reach, self.clock()
        slots = asyncio.Semaphore(_AT_ONCE)

        async def read_one(customer: str) -> Sequence[Purchase]:
            async with slots:
                return await self.read(customer, reach, now, _AT_ONCE)

        read = await asyncio.gather(*(read_one(each) for each, _ in customers))
        acts = await asyncio.to_thread(
            _decided, (champion, candidate), policy, list(zip(customers, read, strict=True)), now
        )
        more = sum(after and not before for before, after in acts)
        fewer = sum(before and not after for before, after in acts)
        return Preview(
            model=candidate.name,
            version=candidate.version,
            beside=champion.version,
            basis="sample",
            asked=f"customers of the largest categories, by the policy of {name}",
            decisions=len(acts),
            changed=(more + fewer) / len(acts) if acts else None,
            more=more,
            fewer=fewer,
        )

    async def _sample(self, *, targeted: bool) -> Sequence[tuple[str, str | None]]:
        """Customers of the largest categories, with the category where it is asked about."""
        sizes = await self.index.categories()
        largest = sorted(sizes, key=lambda each: -sizes[each].customers)[:_CATEGORIES]
        shards = range(min(_SHARDS, self.index.shards))
        each = -(-MOST // (max(1, len(largest)) * len(shards)))
        places = [(category, shard) for category in largest for shard in shards]
        pages = await asyncio.gather(
            *(
                self.index.page(category, shard=shard, after=None, most=each)
                for category, shard in places
            )
        )
        found = [
            (customer, category if targeted else None)
            for (category, _), page in zip(places, pages, strict=True)
            for customer in page.customers[:each]
        ]
        return list(dict.fromkeys(found))[:MOST]

    def _rule(self, model: str) -> _Rule:
        """By what the model's probabilities are acted on."""
        for flag in self.flags.values():
            if (flag.model or self.first_model) == model:
                return f"flag {flag.key}", flag.policy
        return "the banner", self.policy


def _decided(
    models: tuple[ServedModel, ServedModel],
    policy: Policy | TopShare,
    customers: Sequence[tuple[tuple[str, str | None], Sequence[Purchase]]],
    now: int,
) -> Sequence[tuple[bool, bool]]:
    """Whether each customer is acted on by the first model, and by the second."""
    found: list[tuple[bool, bool]] = []
    for category in dict.fromkeys(category for (_, category), _ in customers):
        purchases = [list(read) for (_, asked), read in customers if asked == category]
        histories = Histories.of(purchases)
        before, after = (
            [
                policy.acts_on(score, model.above)
                for score in model.scores(histories, now, target=category)[1].tolist()
            ]
            for model in models
        )
        found += zip(before, after, strict=True)
    return found
