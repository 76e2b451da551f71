"""Prices of DynamoDB in US dollars: on demand, provisioned, and for what is stored.

Source: AWS, "Amazon DynamoDB pricing", us-east-1, table class Standard, as of November 2026. They
differ from region to region, and change: check them before you decide.
"""

from dataclasses import dataclass
from math import inf

HOUR_S = 3_600
MONTH_S = 730 * HOUR_S
"""A month of AWS's bills."""
GB = 1e9
_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars: of a million units on demand, of a unit a second for an hour, of a GB.

    `storage_gb` and `pitr_gb` are for a month, `export_gb` is for one export.
    """

    read_million: float = 0.125
    write_million: float = 0.625
    read_hour: float = 0.00013
    write_hour: float = 0.00065
    storage_gb: float = 0.25
    pitr_gb: float = 0.20
    export_gb: float = 0.10

    def on_demand(self, *, reads: float, writes: float) -> float:
        """What so many units cost on demand."""
        return (reads * self.read_million + writes * self.write_million) / _MILLION

    def provisioned(self, *, reads: float, writes: float, utilisation: float) -> float:
        """What a capacity costs of which so many units are used, a share `utilisation` of it."""
        hours = (reads * self.read_hour + writes * self.write_hour) / HOUR_S
        return hours / utilisation

    @property
    def break_even_reads(self) -> float:
        """The utilisation at which reads cost as much either way; above it, provision."""
        return _break_even(self.read_hour, self.read_million)

    @property
    def break_even_writes(self) -> float:
        """The utilisation at which writes cost as much either way."""
        return _break_even(self.write_hour, self.write_million)


def _break_even(hour: float, million: float) -> float:
    return hour / HOUR_S * _MILLION / million if million else inf
