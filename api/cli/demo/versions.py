"""The demo's versions: one that answers, one that is being tried, and one for audiences."""

from dataclasses import dataclass
from functools import cached_property

from api.cli.actor import actor
from api.cli.audit import audited
from api.cli.output import say
from api.cli.training import collect, run_training
from api.composition import Application
from domain.audit import Act, Target
from domain.features import Histories
from domain.values import BUCKETS
from model_registry.errors import GateFailed
from model_registry.versions import Manifest

TRIED_SHARE = BUCKETS // 10
"""In basis points: so many customers are answered by the version that is being tried."""
MOST_CUSTOMERS = 100_000


@dataclass(frozen=True)
class Versions:
    """What is trained and promoted in a deployment, on histories that are read once."""

    built: Application

    def promote(self) -> None:
        """Each model has a champion, and the first a challenger; what was promoted before stays."""
        first, *others = self.built.settings.served_models
        if self.built.registry.current(first) is None:
            self._promoted(first, "rfm_90d")
            self._tried(first, "lifetime")
        for name in others[:1]:
            if self.built.registry.current(name) is None:
                self._promoted(name, "within_category")

    @cached_property
    def _histories(self) -> Histories:
        return collect(self.built, MOST_CUSTOMERS, None)

    def _trained(self, model: str, features: str) -> Manifest:
        return run_training(
            self.built,
            candidates={features: self.built.feature_set(features)},
            histories=lambda: self._histories,
            model=model,
            horizon_days=30,
            cut_offs=6,
        )

    def _promoted(self, name: str, features: str) -> None:
        version = self._trained(name, features).version
        with audited(self.built.settings, Act.PROMOTE, Target.MODEL, f"{name}@{version}"):
            self.built.registry.promote(name, version, actor=actor(), reason="the first version")
        say(f"      version {version} of {name} is the champion")

    def _tried(self, name: str, features: str) -> None:
        """Few households may teach it too little: then a gate keeps it from answering anybody."""
        version = self._trained(name, features).version
        try:
            self._split(name, version)
        except GateFailed as exc:
            say(f"      version {version} of {name} answers nobody: {exc}")
            return
        say(f"      version {version} of {name} answers a tenth of the customers")

    def _split(self, name: str, version: int) -> None:
        with audited(self.built.settings, Act.SPLIT, Target.MODEL, f"{name}@{version}"):
            self.built.registry.split(
                name,
                version,
                basis_points=TRIED_SHARE,
                actor=actor(),
                reason="tried on a tenth of the customers: it knows their whole life",
            )
