"""Sampling: which requests have a trace, decided before anything is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import TypeAlias

from domain.errors import Rejected

SAMPLER, SAMPLER_ARG = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
SHARE = 0.01
"""Where nothing is said: a hundred requests make one trace."""
_RATIO = "traceidratio"
_SHARE_OF = {"always_on": 1.0, "always_off": 0.0, _RATIO: None}
_PARENT = "parentbased_"
_BITS = 64

Parent: TypeAlias = tuple[str, str, bool]
"""A trace that somebody else began: its id, the id of the span above, whether that one is kept."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """A share of the traces that begin here; others as their beginner decided, if that `follows`.

    OpenTelemetry's own samplers make a span first, which costs 25 microseconds where it is dropped.
    """

    share: float
    follows: bool = True

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Sampling":
        """As the standard variables say. Source: OpenTelemetry, environment variables, sampler.

        Raises:
            Rejected: no such sampler, or a share outside 0 to 1.
        """
        name = environment.get(SAMPLER) or _PARENT + _RATIO
        follows, kind = name.startswith(_PARENT), name.removeprefix(_PARENT)
        if kind not in _SHARE_OF:
            known = ", ".join([*_SHARE_OF, *(_PARENT + each for each in _SHARE_OF)])
            raise Rejected(SAMPLER, f"must be one of {known}")
        if (share := _SHARE_OF[kind]) is None:
            share = _share(environment.get(SAMPLER_ARG) or str(SHARE))
        return cls(share, follows)

    def wants(self, parent: Parent | None) -> bool:
        """Whether this request has a trace; the same for all who see the same trace's id."""
        if parent is not None and self.follows:
            return parent[2]
        drawn = getrandbits(_BITS) if parent is None else int(parent[0][-_BITS // 4 :], 16)
        return bool(drawn < self.share * 2**_BITS)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:  # true for NaN as well
        raise Rejected(SAMPLER_ARG, "must be a share from 0 to 1, such as 0.01")
    return share
