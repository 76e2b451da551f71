"""What the options of `propensity campaign create` mean."""

import sys
from collections.abc import Iterator
from pathlib import Path

from domain.campaigns import Policy
from domain.errors import Rejected
from domain.values import basis_points_of


def policy_of(  # noqa: PLR0913  # one parameter per option
    *,
    top: str | None,
    min_probability: float,
    max_probability: float,
    holdout: str,
    suppression: bool,
    not_contacted_days: int | None,
    min_purchases: int | None,
    history_days: int,
) -> Policy:
    """The policy of these options.

    Raises:
        Rejected: an option means nothing; says which.
    """
    number, share = _top(top)
    try:
        points = basis_points_of(holdout)
    except ValueError as exc:
        raise Rejected("--holdout", str(exc)) from exc
    try:
        return Policy(
            min_probability=min_probability,
            max_probability=max_probability,
            top=number,
            top_share=share,
            holdout=points,
            suppression=suppression,
            not_contacted_days=not_contacted_days,
            min_purchases=min_purchases,
            history_days=history_days,
        )
    except ValueError as exc:
        option = "--holdout" if "hold-out" in str(exc) else "--min-probability"
        raise Rejected(option, str(exc)) from exc


def _top(text: str | None) -> tuple[int | None, int | None]:
    """A number of members, or a share in basis points."""
    if text is None:
        return None, None
    if not text.endswith("%"):
        if text.isascii() and text.isdigit() and int(text):
            return int(text), None
        raise Rejected("--top", f"{text!r} must be a share such as 20%, or a number such as 5000")
    try:
        share = basis_points_of(text)
    except ValueError as exc:
        raise Rejected("--top", str(exc)) from exc
    if not share:
        raise Rejected("--top", "0 % is nobody")
    return None, share


def suppressed_ids(path: Path) -> Iterator[str]:
    """The ids of a file, one a line, in UTF-8; empty lines are none.

    Raises:
        Rejected: it cannot be read; says why, and in which line.
    """
    number = 0
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text:
                    yield text
    except UnicodeDecodeError as exc:
        raise Rejected("--suppress", f"{path}: line {number} is no UTF-8") from exc
    except OSError as exc:
        raise Rejected("--suppress", f"{path} cannot be read: {exc.strerror}") from exc
