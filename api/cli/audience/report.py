"""What a listed audience amounts to, and what it cost: for people and for machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import to_builtins

from api.cli.cost import Price, cost_text
from api.documents.cost import cost_used
from api.documents.prediction import ModelUsed
from domain.audience import (
    NO_BUYERS,
    AudienceQuery,
    AudienceSummary,
    Expectation,
    Listed,
    Plan,
    ReadWay,
)
from domain.cost import Cost
from domain.values import instant

NEW_TABLE_UNITS_PER_S = 12_000
"""Read units a second that a new on-demand table grants at once. Source: AWS, warm throughput."""

_OTHER_WAY = {
    ReadWay.BATCH: "the scan was refused, too slow, or would have filled the memory",
    ReadWay.BY_TIME: "recent purchases do not reach back far enough from that instant, so every "
    "customer takes a query of their own, which costs more than planned",
}
"""Why a way is taken that was not planned; nobody is scanned for unasked."""


@dataclass(slots=True)
class Group:
    """Some of the listed customers, and how many of them are expected to buy."""

    customers: int = 0
    expected: Expectation = NO_BUYERS

    @property
    def expected_buyers(self) -> float:
        """The sum of their probabilities."""
        return self.expected.buyers

    def count(self, listed: Sequence[Listed], *, held_out: bool) -> None:
        """Those of them who are held out, or those who are not, belong to the group."""
        group = [item.member for item in listed if item.held_out is held_out]
        self.customers += len(group)
        self.expected += Expectation.of(group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One listed audience: who was read, who is in the file, and who is held out of it.

    `cost` is that of the campaign: of planning it too.
    """

    query: AudienceQuery
    summary: AudienceSummary
    in_file: Group
    held_out: Group
    seconds: float
    price: Price
    cost: Cost
    files: Sequence[Path | str]
    stale: Sequence[Path | str]
    escaped: int
    merged: int
    shards: int

    @property
    def document(self) -> dict[str, object]:
        """The report as plain JSON."""
        return {
            "category": self.query.category,
            "as_of": instant.render(self.query.as_of),
            "models": to_builtins(ModelUsed.all_of(self.query.traffic)),
            "partial": self.summary.partial,
            "customers": self.customers,
            "scored": self.summary.scored,
            "challenged": self.summary.challenged,
            "unread": self.summary.unread,
            "unlisted_shards": self.summary.unlisted_shards,
            "in_file": self.in_file.customers,
            "expected_buyers": self.in_file.expected_buyers,
            "held_out": self.held_out.customers,
            "expected_buyers_held_out": self.held_out.expected_buyers,
            "escaped_ids": self.escaped,
            "merged_addresses": self.merged,
            "way": self.summary.way,
            **to_builtins(cost_used(self.cost)),
            "price_usd": self.price.of(self.cost.reads.total, self.cost.writes.total),
            "seconds": self.seconds,
            "files": [str(path) for path in self.files],
            "stale_files": [str(path) for path in self.stale],
        }

    @property
    def customers(self) -> int:
        """How many customers have an outcome."""
        return self.summary.scored + self.summary.unread

    @property
    def text(self) -> str:
        """The report for people."""
        text = (
            f"{self.query.category}: {self.customers:,} customers as of "
            f"{instant.render(self.query.as_of)}, {self.summary.scored:,} scored by "
            f"{self._by_whom}, {self.summary.unread:,} unread\n"
            f"in the file: {self.in_file.customers:,}, expected buyers "
            f"{self.in_file.expected_buyers:,.1f}; held out: {self.held_out.customers:,}, "
            f"expected buyers {self.held_out.expected_buyers:,.1f}\n"
            f"{cost_text(self.cost)}\n"
            f"{self.price.text(self.cost.reads.total, self.cost.writes.total)}, "
            f"seconds: {self.seconds:,.1f}"
        )
        return text + "".join(f"\nwritten: {path}" for path in self.files)

    @property
    def _by_whom(self) -> str:
        champion, challenger = self.query.traffic.champion, self.query.traffic.challenger
        text = f"{champion.name} version {champion.version}"
        if challenger is None:
            return text
        return f"{text} ({self.summary.challenged:,} by challenger {challenger.version})"

    @property
    def warnings(self) -> Sequence[str]:
        """What must not be overlooked, most serious first."""
        warnings = [self._partial] if self.summary.partial else []
        if self.stale:
            warnings.append(
                "files of an earlier export are still there, and no part of this one: "
                + ", ".join(map(str, self.stale))
            )
        if self.merged:
            warnings.append(
                f"mail addresses that differ from another by case only: {self.merged:,}; each is "
                "one person to the campaign tool, and is in the files once"
            )
        if self.escaped:
            warnings.append(
                f"customer ids that look like formulas: {self.escaped:,}; they are written with a "
                "leading ' for spreadsheets, so campaign tools will not recognise them"
            )
        if self.summary.way is not self.query.way:
            warnings.append(
                f"read by {self.summary.way}, not by {self.query.way} as planned: "
                f"{_OTHER_WAY[self.summary.way]}"
            )
        return warnings

    @property
    def _partial(self) -> str:
        text = (
            f"PARTIAL: customers not read before the deadline: {self.summary.unread:,}; shards of "
            f"the category not listed to their end: {self.summary.unlisted_shards:,} of "
            f"{self.shards:,}; run it again, or raise PROPENSITY_AUDIENCE_DEADLINE_S"
        )
        named = "; the files are named .partial, and whole ones of before are left as they were"
        return text + named if self.files else text


def estimate_document(plan: Plan, price: Price) -> dict[str, object]:
    """What an audience costs before anything of it is read, as plain JSON."""
    return {
        "customers": plan.customers,
        "way": plan.way,
        "why": plan.why,
        "round_trips": plan.round_trips,
        "read_units": plan.units,
        "price_usd": price.of(plan.units),
        "least_seconds": plan.least_seconds(NEW_TABLE_UNITS_PER_S),
    }


def estimate_text(plan: Plan, price: Price) -> str:
    """What an audience costs before anything of it is read, for people."""
    return (
        f"about {plan.customers:,} customers, read by {plan.way}: {plan.why}\n"
        f"at least {plan.round_trips:,} round trips and {plan.units:,.1f} read units, "
        f"{price.text(plan.units)}\n"
        f"at least {plan.least_seconds(NEW_TABLE_UNITS_PER_S):,.1f} s at "
        f"{NEW_TABLE_UNITS_PER_S:,} read units/s, which a new on-demand table grants"
    )
