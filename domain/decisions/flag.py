"""A flag: which variant a customer gets, by their propensity."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from domain.decisions.policy import Policy
from domain.values import BUCKETS, bucket

BANNER = "promotion-banner"
FlagValue: TypeAlias = bool | str | int | float | Mapping[str, object]
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


@lru_cache
def _salt(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class TopShare:
    """Acts on the customers with the highest propensities, so many of 10,000 at most.

    Measured on the held-out customers of the version that scored. Where many have the same
    propensity as the last one within the share, none of them is acted on.

    Raises:
        ValueError: nobody or more than everybody.
    """

    basis_points: int

    def __post_init__(self) -> None:
        if not 0 < self.basis_points <= BUCKETS:
            raise ValueError("a top share must be above 0 and at most 100 %")

    def acts_on(self, probability: float, above: Callable[[int], float], /) -> bool:
        """Whether the customer is within the share.

        `above` tells the highest probability outside a share of so many of 10,000 customers.
        """
        return probability > above(self.basis_points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag. `act` is the variant of whom the policy acts on, `default` everybody else's.

    `model` says by whose propensity, None the first that serves; `category` in which category, for a
    model that says who buys in one. `holdout` of 10,000 customers get the default whatever their propensity, the same ones always:
    each flag has its own. `log` of 10,000 answers are logged; None: as of all flags.

    Raises:
        ValueError: the key is none, or names of variants are not declared.
    """

    key: str
    policy: Policy | TopShare
    variants: Mapping[str, FlagValue]
    act: str
    default: str
    holdout: int = 0
    model: str | None = None
    category: str | None = None
    log: int | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(
                f"{self.key!r} is no key of a flag: 1 to 63 lower-case letters, digits and . _ -"
            )
        unknown = sorted({self.act, self.default} - self.variants.keys())
        if unknown:
            raise ValueError(f"flag {self.key}: variant {unknown[0]!r} is not declared")
        if self.act == self.default:
            raise ValueError(f"flag {self.key}: show and default are the same variant")
        if len({type(value) for value in self.variants.values()}) > 1:
            raise ValueError(f"flag {self.key}: variants have values of different types")
        if not 0 <= self.holdout < BUCKETS:
            raise ValueError(f"flag {self.key}: a hold-out must be below 100 %")

    def holds_out(self, customer_id: str) -> bool:
        """Whether the customer is in the flag's control group."""
        return self.holdout > 0 and bucket(customer_id, _salt(self.key)) < self.holdout

    @classmethod
    def banner(cls, policy: Policy) -> "Flag":
        """The banner: on for whom the policy acts on."""
        return cls(
            key=BANNER, policy=policy, variants={"on": True, "off": False}, act="on", default="off"
        )
