"""What the calls to the store cost."""

from typing import Annotated

from msgspec import Meta, Struct

from domain.cost import Cost, Units


class UnitsUsed(Struct, frozen=True, kw_only=True):
    """DynamoDB's units of reading or of writing."""

    measured: Annotated[float, Meta(ge=0, description="As the store reported them.")]
    computed: Annotated[float, Meta(ge=0, description="Computed from sizes where it did not.")]

    @classmethod
    def of(cls, units: Units) -> "UnitsUsed":
        """The units as they travel."""
        return cls(measured=units.measured, computed=units.computed)


class CostUsed(Struct, frozen=True, kw_only=True):
    """What the calls to the store came to, retries and refusals included.

    Predictions that are asked for at the same moment may share a call: its units are split evenly.
    """

    round_trips: Annotated[
        int, Meta(ge=0, description="Calls to the store; a shared one counts for one request.")
    ]
    read_units: UnitsUsed
    write_units: UnitsUsed


def cost_used(cost: Cost) -> CostUsed:
    """The cost so far as it travels."""
    return CostUsed(
        round_trips=cost.round_trips,
        read_units=UnitsUsed.of(cost.reads),
        write_units=UnitsUsed.of(cost.writes),
    )
