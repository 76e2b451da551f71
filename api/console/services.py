"""What the console's pages need beyond what HTTP needs, each by its name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

from litestar.di import Provide

from api.console.documents.operations import Queues
from api.console.kept import Kept
from api.console.preview import PreviewChange
from api.console.traffic import TrafficWatch
from api.documents.doctor import Finding
from api.pictures import Draws
from api.process.measurements import Measurements
from domain.campaigns import Campaign, FrozenMember
from domain.customers import CustomerRecords, FindCustomer
from domain.outcomes import JoinOutcomes
from domain.prediction import DecideFlags, PredictPropensity
from domain.values import Clock, Currency

Examine: TypeAlias = Callable[[], Iterable[Finding]]
"""What the doctor finds, now; it blocks."""
Memberships: TypeAlias = Callable[[str], Iterable[tuple[Campaign, FrozenMember]]]
"""What each campaign keeps of a customer. Blocks: every member is read."""

CampaignFile: TypeAlias = Callable[[Campaign, str, Path], Path]
"""A campaign's members for a campaign tool of that name, in a file of that folder. Blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServices:
    """Everything that only pages use. A handler names what it needs, with `console_` before it.

    `join` is None where no decisions are kept, `traffic` where requests are not counted.

    `predict` and `decide` are for people who look: nothing is counted, logged or shadowed.
    A read unit costs `usd_per_unit` US dollars.
    """

    clock: Clock
    currency: Currency
    draws: Draws
    kept: Kept
    examine: Examine
    queues: Queues
    find: FindCustomer
    records: CustomerRecords
    memberships: Memberships
    campaign_file: CampaignFile
    measurements: Measurements
    preview: PreviewChange
    predict: PredictPropensity
    decide: DecideFlags
    usd_per_unit: float
    join: JoinOutcomes | None = None
    traffic: TrafficWatch | None = None

    def by_name(self) -> dict[str, Provide]:
        """Each as a dependency: `clock` as `console_clock`."""
        return {f"console_{each.name}": _always(getattr(self, each.name)) for each in fields(self)}


def _always(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False, use_cache=True)
