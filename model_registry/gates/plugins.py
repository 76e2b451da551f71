"""Plugins: scorer factories that installed distributions offer by entry point."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from model_registry.errors import GateFailed
from model_registry.ports import ScorerFactory

GROUP = "propensity.scorers"
"""The entry-point group; an entry point's name is the scorer kind that it builds."""

SHIPPED = ("onnx", "linear", "constant")
"""The kinds that come with this code, and all that are allowed unless a deployment says otherwise."""


@dataclass(frozen=True, slots=True)
class ScorerPlugins:
    """The scorer kinds offered, one distribution each, and which of them may be used.

    To be installed is not enough. A package that another one pulls in could otherwise run its code
    in every server, as soon as a manifest names its kind. Code is imported when first
    needed, and that of a kind that is not allowed never.
    """

    offers: Mapping[str, EntryPoint]
    allowed: Collection[str] = SHIPPED

    @classmethod
    def installed(cls, *, allowed: Collection[str] = SHIPPED) -> "ScorerPlugins":
        """What the installed distributions offer.

        Raises:
            GateFailed: two distributions offer the same kind, allowed or not.
        """
        return cls.of(entry_points(group=GROUP), allowed=allowed)

    @classmethod
    def of(
        cls, offers: Iterable[EntryPoint], *, allowed: Collection[str] = SHIPPED
    ) -> "ScorerPlugins":
        """What these entry points offer.

        Raises:
            GateFailed: two of them offer the same kind.
        """
        by_kind: defaultdict[str, list[EntryPoint]] = defaultdict(list)
        for offer in offers:
            by_kind[offer.name].append(offer)
        for kind, same in by_kind.items():
            if len(same) > 1:
                owners = " and ".join(sorted(_distribution(offer) for offer in same))
                raise GateFailed(
                    "scorer", f"kind {kind!r} is offered by {owners}; uninstall all but one"
                )
        return cls({kind: same[0] for kind, same in by_kind.items()}, allowed)

    def factory(self, kind: str, /) -> ScorerFactory:
        """The factory of one kind of scorer.

        Raises:
            GateFailed: nothing installed offers it, it is not allowed, or it cannot be imported.
        """
        offer = self.offers.get(kind)
        if offer is None:
            known = ", ".join(sorted(self.offers)) or "none"
            raise GateFailed(
                "scorer",
                f"no installed scorer is of kind {kind!r}, known are: {known}; "
                f"install the distribution that offers it in the group {GROUP!r}",
            )
        if kind not in self.allowed:
            raise GateFailed(
                "scorer",
                f"kind {kind!r} of {_distribution(offer)} is installed, but "
                f"PROPENSITY_SCORERS allows only {', '.join(sorted(self.allowed))}; "
                "add it there if you trust that code",
            )
        return _imported(offer)


def _imported(offer: EntryPoint) -> ScorerFactory:
    way_out = f"repair or uninstall {_distribution(offer)}"
    try:
        factory = offer.load()
    except Exception as exc:  # foreign code, which may raise anything on import
        raise GateFailed(
            "scorer", f"{offer.value!r} cannot be imported ({exc!r}); {way_out}"
        ) from exc
    if not callable(factory):
        raise GateFailed("scorer", f"{offer.value!r} is not a factory; {way_out}")
    return cast("ScorerFactory", factory)


def _distribution(offer: EntryPoint) -> str:
    if offer.dist is None:
        return offer.value
    return f"{offer.dist.name} {offer.dist.version}"
