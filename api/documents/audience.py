"""What travels over HTTP about categories and their audiences."""

from typing import Annotated

from msgspec import Meta, Struct, structs

from api.documents.cost import CostUsed, cost_used
from api.documents.prediction import ModelUsed, Probability
from api.documents.problem import Problem
from domain.audience import AudienceQuery, AudienceSummary
from domain.prediction import Arm
from domain.values import instant


class CategorySize(Struct, frozen=True, kw_only=True):
    """One category."""

    category: Annotated[str, Meta(description="As the purchases name it.")]
    approximate_customers: Annotated[
        int, Meta(ge=0, description="How many ever bought in it; may run a little behind.")
    ]


class Categories(Struct, frozen=True, kw_only=True):
    """Every category ever bought in, ascending."""

    categories: list[CategorySize]


class MemberPropensity(Struct, frozen=True, kw_only=True):
    """One customer of a page, who was read: an unread one begins the next page."""

    customer_id: Annotated[str, Meta(description="Who.")]
    probability: Annotated[
        Probability, Meta(description="As the customer's own propensity at `as_of`.")
    ]
    arm: Annotated[Arm, Meta(description="Which of `models` answered.")]


class PageSummary(CostUsed, frozen=True, kw_only=True):
    """What reading one page came to, before the filters."""

    scored: Annotated[int, Meta(ge=0, description="Customers with a probability.")]

    @classmethod
    def of(cls, summary: AudienceSummary) -> "PageSummary":
        """The summary as it travels."""
        return cls(scored=summary.scored, **structs.asdict(cost_used(summary.cost)))


class AudienceMembers(Struct, frozen=True, kw_only=True):
    """One page of a category's audience."""

    category: Annotated[str, Meta(description="The category asked for.")]
    as_of: Annotated[str, Meta(description="RFC 3339, UTC; the same on every page of a sequence.")]
    members: Annotated[
        list[MemberPropensity],
        Meta(description="May be fewer than `limit`, or none, while `next_cursor` is not null."),
    ]
    next_cursor: Annotated[
        str | None, Meta(description="Send it as `cursor` for the next page; null at the end.")
    ]
    summary: PageSummary
    models: Annotated[
        list[ModelUsed],
        Meta(description="Who answers: the champion, and the challenger where there is one."),
    ]


class StreamSummary(CostUsed, frozen=True, kw_only=True):
    """What a whole audience came to; all but `listed` before the filters."""

    category: str
    as_of: str
    scored: int
    unread: int
    unlisted_shards: int
    listed: int
    partial: bool
    expected_buyers: float
    challenged: int
    models: list[ModelUsed]
    complete: bool
    way: str
    why: str

    @classmethod
    def of(
        cls, query: AudienceQuery, summary: AudienceSummary, *, listed: int, why: str
    ) -> "StreamSummary":
        """The summary as it travels, once the stream has ended."""
        return cls(
            category=query.category,
            as_of=instant.render(query.as_of),
            scored=summary.scored,
            unread=summary.unread,
            unlisted_shards=summary.unlisted_shards,
            listed=listed,
            partial=summary.partial,
            expected_buyers=summary.expected_buyers,
            **structs.asdict(cost_used(summary.cost)),
            challenged=summary.challenged,
            models=ModelUsed.all_of(query.traffic),
            complete=not summary.partial,
            way=summary.way,
            why=_why(query, summary, why),
        )


def _why(query: AudienceQuery, summary: AudienceSummary, planned: str) -> str:
    if summary.way is query.way:
        return planned
    return f"not {query.way} as planned ({planned}): it was refused, or does not reach back so far"


class SummaryLine(Struct, frozen=True, kw_only=True):
    """The last line of a stream that reached its end."""

    summary: StreamSummary


class FailureLine(Struct, frozen=True, kw_only=True):
    """The last line of a stream that did not reach its end."""

    error: Problem
