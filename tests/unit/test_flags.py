"""Flags: what a file declares, and whom a policy acts on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.flags_file import read_flags
from domain.decisions import BANNER, Flag, Policy, TopShare
from domain.errors import CorruptRecord, Rejected
from tests.builders import a_policy, a_served_model
from tests.fakes import SaturatingScorer

POLICY = a_policy(min_probability=0.2, max_probability=0.8)
FILE = """
[flags.promotion-banner]
show = "on"
default = "off"
min_probability = 0.3
holdout = "10%"
[flags.promotion-banner.variants]
on = true
off = false

[flags.free-engraving]
show = "gold"
default = "none"
model = "m"
top_share = "20%"
variants = { gold = "gold", none = "" }
"""


def test_a_file_declares_flags(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text(FILE)
    flags = read_flags(path, policy=POLICY, models=["m"])
    banner = Policy(name=BANNER, min_probability=0.3, max_probability=0.8)
    assert flags == {
        BANNER: Flag(
            key=BANNER,
            policy=banner,
            variants={"on": True, "off": False},
            act="on",
            default="off",
            holdout=1_000,
        ),
        "free-engraving": Flag(
            key="free-engraving",
            policy=TopShare(2_000),
            variants={"gold": "gold", "none": ""},
            act="gold",
            default="none",
            model="m",
        ),
    }


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ('show = "on"', "", "show"),
        ('show = "on"', 'show = "maybe"', "maybe"),
        ('show = "on"', 'show = "off"', "same variant"),
        ("on = true", 'on = "yes"', "different types"),
        ("min_probability = 0.3", "min_probability = 0.9", "min"),
        ("min_probability = 0.3", "min_probability = 3", "min_probability"),
        ('holdout = "10%"', 'holdout = "100%"', "hold-out"),
        ('holdout = "10%"', 'log = "ten"', "log must be a share"),
        ('holdout = "10%"', 'holdout = "ten"', "holdout must be a share"),
        ('top_share = "20%"', 'top_share = "0%"', "top share"),
        ('top_share = "20%"', 'top_share = "much"', "top_share must"),
        ('top_share = "20%"', 'top_share = "20%"\nmin_probability = 0.1', "not both"),
        ('default = "off"', 'default = "off"\ndefualt = "off"', "defualt"),
        ("[flags.promotion-banner]", "[flags.Promotion]", "flag"),
        ("[flags.promotion-banner]", "[flags", ""),
        ('model = "m"', 'model = "another"', "another"),
    ],
)
def test_a_file_that_declares_something_else_is_refused_by_name(
    tmp_path: Path, line: str, instead: str, reason: str
) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text(FILE.replace(line, instead, 1))
    with pytest.raises(Rejected, match=r"decisions\.toml") as refused:
        read_flags(path, policy=POLICY, models=["m"])
    assert reason in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"none\.toml"):
        read_flags(tmp_path / "none.toml", policy=POLICY, models=["m"])


@given(
    scores=st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), min_size=1, max_size=60),
    basis_points=st.integers(1, 10_000),
)
def test_a_top_share_is_never_more_than_its_share(scores: list[float], basis_points: int) -> None:
    held_out = np.sort(np.array(scores))
    above = a_served_model(SaturatingScorer(), held_out=held_out).above(basis_points)
    inside = int((held_out > above).sum())
    assert inside <= len(scores) * basis_points / 10_000
    ties = int((held_out == above).sum())  # with those as likely as the last one it would be more
    assert basis_points == 10_000 or inside + ties > len(scores) * basis_points // 10_000
    assert basis_points < 10_000 or inside == len(scores)


def test_a_version_without_held_out_customers_has_no_top_share() -> None:
    with pytest.raises(CorruptRecord, match="range of probabilities"):
        a_served_model(SaturatingScorer()).above(2_000)


def test_a_flags_hold_out_is_its_own_and_grows_by_adding() -> None:
    def flag(key: str, holdout: int) -> Flag:
        variants = {"on": True, "off": False}
        return Flag(
            key=key, policy=POLICY, variants=variants, act="on", default="off", holdout=holdout
        )

    customers = [f"customer-{number}" for number in range(2_000)]
    small, large, other = (
        {customer for customer in customers if of.holds_out(customer)}
        for of in (flag("a", 1_000), flag("a", 2_000), flag("b", 1_000))
    )
    assert small < large
    assert 150 < len(small) < 250
    assert len(small & other) < 50
    assert not any(flag("a", 0).holds_out(customer) for customer in customers)
