"""Traffic: which model version answers which customer, and which ones only watch."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from domain.prediction.propensity import Arm, ServedModel
from domain.values import BUCKETS, Reach, bucket


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One revision's models as a request sees them: taken once, never mixed.

    The challenger answers `basis_points` of 10,000 customers, the same ones in every way of
    asking; `shadows` score what the others answer, and answer nobody.

    Raises:
        ValueError: a share without a challenger, a challenger without one, or outside 10,000.
    """

    champion: ServedModel
    challenger: ServedModel | None = None
    basis_points: int = 0
    shadows: Sequence[ServedModel] = ()

    def __post_init__(self) -> None:
        least = 0 if self.challenger is None else 1
        most = 0 if self.challenger is None else BUCKETS
        if not least <= self.basis_points <= most:
            raise ValueError(f"a challenger's share of {self.basis_points} basis points")

    @property
    def name(self) -> str:
        """The model's name."""
        return self.champion.name

    @property
    def revision(self) -> int:
        """The registry's revision."""
        return self.champion.revision

    @property
    def answering(self) -> Mapping[Arm, ServedModel]:
        """The models that answer customers."""
        if self.challenger is None:
            return {Arm.CHAMPION: self.champion}
        return {Arm.CHAMPION: self.champion, Arm.CHALLENGER: self.challenger}

    @property
    def label(self) -> str:
        """The same for the same answers: versions and share, whatever the revision."""
        champion = str(self.champion.version)
        if self.challenger is None:
            return champion
        return f"{champion} {self.challenger.version}@{self.basis_points}"

    def model_for(self, customer_id: str) -> ServedModel:
        """The model that answers this customer."""
        if self.challenger is None or bucket(customer_id, self._salt) >= self.basis_points:
            return self.champion
        return self.challenger

    def reach_for(self, customer_id: str) -> Reach:
        """What must be known of this customer: shadows look as well."""
        reach = self.model_for(customer_id).features.reach
        return reach if self._shadows_reach is None else reach | self._shadows_reach

    @property
    def reach(self) -> Reach:
        """What must be known for every model that answers."""
        reach = self.champion.features.reach
        return reach if self.challenger is None else reach | self.challenger.features.reach

    @property
    def challenger_looks_further(self) -> bool:
        """Whether the challenger needs to know more than the champion."""
        return self.reach != self.champion.features.reach

    @cached_property
    def _shadows_reach(self) -> Reach | None:
        reach: Reach | None = None
        for shadow in self.shadows:
            further = shadow.features.reach
            reach = further if reach is None else reach | further
        return reach

    @cached_property
    def _salt(self) -> bytes:
        """Of the challenger alone: paused and resumed, a version answers the same customers."""
        challenger = self.challenger or self.champion
        return hashlib.sha256(f"{challenger.name}/{challenger.version}".encode()).digest()[:16]
