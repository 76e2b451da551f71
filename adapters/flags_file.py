"""Flags as a file declares them: decisions.toml."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domain.decisions import Flag, Policy, TopShare
from domain.errors import Rejected
from domain.values import basis_points_of

Probability = Annotated[float, Meta(ge=0, le=1)]


class _Flag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    show: str
    default: str
    model: str | None = None
    category: str | None = None
    variants: dict[str, bool | int | float | str | dict[str, object]]
    min_probability: Probability | None = None
    max_probability: Probability | None = None
    top_share: str | None = None
    holdout: str = "0%"
    log: str | None = None


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    flags: dict[str, _Flag]


def read_flags(path: Path, *, policy: Policy, models: Sequence[str]) -> Mapping[str, Flag]:
    """The flags that a file declares, by their keys; `policy` has the range of who gives none.

    `models` are those that serve here. A flag may name one of them, and no other.

    Raises:
        Rejected: the file cannot be read, or does not declare flags; says where and why.
    """
    try:
        declared = msgspec.toml.decode(path.read_bytes(), type=_File).flags
    except OSError as exc:
        raise Rejected(str(path), f"cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Rejected(str(path), f"declares no flags: {exc}") from exc
    try:
        _check_models(declared, models)
        return {key: _flag(key, flag, policy) for key, flag in declared.items()}
    except ValueError as exc:
        raise Rejected(str(path), str(exc)) from exc


def _check_models(declared: Mapping[str, _Flag], models: Sequence[str]) -> None:
    for key, flag in declared.items():
        if flag.model not in {None, *models}:
            raise ValueError(
                f"flag {key}: model {flag.model!r} does not serve here, {', '.join(models)} do: set "
                "PROPENSITY_MODELS, or declare the flag where that model serves"
            )


def _flag(key: str, declared: _Flag, policy: Policy) -> Flag:
    return Flag(
        key=key,
        policy=_policy(key, declared, policy),
        variants=declared.variants,
        act=declared.show,
        default=declared.default,
        holdout=_share(key, "holdout", declared.holdout),
        model=declared.model,
        category=declared.category,
        log=None if declared.log is None else _share(key, "log", declared.log),
    )


def _share(key: str, name: str, text: str) -> int:
    try:
        return basis_points_of(text)
    except ValueError as exc:
        raise ValueError(f"flag {key}: {name} {exc}") from exc


def _policy(key: str, declared: _Flag, policy: Policy) -> Policy | TopShare:
    least, most = declared.min_probability, declared.max_probability
    if declared.top_share is None:
        return Policy(
            name=key,
            min_probability=policy.min_probability if least is None else least,
            max_probability=policy.max_probability if most is None else most,
        )
    if least is not None or most is not None:
        raise ValueError(f"flag {key}: give top_share, or a range of probabilities, not both")
    points = _share(key, "top_share", declared.top_share)
    try:
        return TopShare(points)
    except ValueError as exc:
        raise ValueError(f"flag {key}: top_share {exc}") from exc
