"""Plan an audience: its category must be known, and the cheaper way of reading it is chosen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from domain.audience.cost_plan import Plan, ReadWay, plan
from domain.audience.reads import Tries, reaches
from domain.categories import CategoryIndex, CategorySize
from domain.errors import NotFound
from domain.pacing import AdaptiveLimit, Pacing
from domain.prediction import Traffic
from domain.recent import RecentPurchases
from domain.values import BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAudience:
    """Asks how large the category and the recent purchases are: three small calls, all metered."""

    index: CategoryIndex
    recent: RecentPurchases
    pacing: Pacing = field(default_factory=Pacing)

    async def __call__(
        self,
        category: str,
        /,
        *,
        as_of: int,
        traffic: Traffic,
        deadline_s: float,
        chosen: ReadWay | None = None,
    ) -> Plan:
        """How the audience as of that instant (microseconds, UTC) is read; nothing of it is yet.

        Raises:
            NotFound: nobody ever bought in the category; names similar ones.
            StoreUnavailable: the sizes could not be read before the deadline.
        """
        size = await self.size_of(category)
        tries = Tries(self.pacing, self.pacing.seconds() + deadline_s, AdaptiveLimit(1))
        return plan(
            category=size,
            shards=self.index.shards,
            recent=await self.recent.size(),
            reaches=await tries.until_served(
                reaches, self.recent, traffic.champion.features.reach, as_of
            ),
            chosen=chosen,
            by_time_share=traffic.basis_points / BUCKETS if traffic.challenger_looks_further else 0,
        )

    async def size_of(self, category: str, /) -> CategorySize:
        """How large the category is: one small call.

        Raises:
            NotFound: nobody did; names similar categories.
            StoreUnavailable: the store did not answer.
        """
        size = await self.index.size_of(category)
        if size is None:
            hint = _hint(category, await self.index.categories())
            raise NotFound(f"nobody ever bought in {category!r}; {hint}")
        return size


def _hint(category: str, categories: Iterable[str]) -> str:
    known = list(categories)
    if similar := get_close_matches(category, known, n=5, cutoff=0.5):
        return f"did you mean: {', '.join(similar)}"
    return f"there are: {', '.join(known[:5])}" if known else "no purchase is stored yet"
