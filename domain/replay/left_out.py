"""Left out: which purchases or refunds, had they not been there, give the logged features again.

The store does not keep when a purchase was recorded. So that one came late is never proved. But
what came late has left a mark: without it the features are to the last bit those that were logged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from domain.decision_log import Scored
from domain.features import Histories
from domain.prediction import ServedModel
from domain.purchases import Purchase, Refund
from domain.replay.replayed import Cause, Evidence
from domain.values import MICROS_PER_SECOND

_NEWEST = 100
"""So many purchases and refunds are tried; what comes late is dated shortly before."""
_MOST_ROWS = 1_000_000
"""So many purchases are computed with at most, over all attempts."""
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Looked:
    """A decision's version, what it said, and of which instant (microseconds, UTC)."""

    model: ServedModel
    scored: Scored
    as_of: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A purchase with its refunds, or one refund of it."""

    position: int
    purchase: Purchase
    refund: Refund | None = None

    @property
    def id(self) -> str:
        return self.purchase.purchase_id if self.refund is None else self.refund.refund_id

    @property
    def dated(self) -> int:
        return self.purchase.purchased_at if self.refund is None else self.refund.refunded_at


def left_out(purchases: Sequence[Purchase], looked: Looked) -> Evidence | None:
    """What came late: one part alone, the newest few, or any two; None: no such thing explains it.

    `purchases` are those at the decision's instant, as they are stored now.
    """
    parts = _parts(purchases, looked.as_of)
    alone = [(part,) for part in parts]
    if fitting := list(_fitting(purchases, alone, looked)):
        return _evidence([part for (part,) in fitting], looked, together=False)
    newest = [tuple(parts[:count]) for count in range(2, len(parts) + 1)]
    several = next(_fitting(purchases, [*newest, *combinations(parts, 2)], looked), None)
    return None if several is None else _evidence(several, looked, together=True)


def _parts(purchases: Sequence[Purchase], as_of: int) -> Sequence[_Part]:
    """What may have come late, the newest first."""
    found = [_Part(position, purchase) for position, purchase in enumerate(purchases)]
    found += [
        _Part(position, purchase, refund)
        for position, purchase in enumerate(purchases)
        for refund in purchase.refunds
        if refund.refunded_at <= as_of
    ]
    return sorted(found, key=lambda part: part.dated, reverse=True)[:_NEWEST]


def _fitting(
    purchases: Sequence[Purchase], choices: Sequence[Sequence[_Part]], looked: Looked
) -> Iterator[Sequence[_Part]]:
    """Those choices without which the features are the logged ones, in order."""
    size = max(len(purchases), 1)
    due = np.array(looked.scored.features, dtype=np.float64).tobytes()
    model, target = looked.model, looked.scored.category
    at_once, most = max(_ROWS_AT_ONCE // size, 1), min(_MOST_ROWS // size, len(choices))
    for start in range(0, most, at_once):
        some = choices[start : min(start + at_once, most)]
        histories = Histories.of([_without(purchases, parts) for parts in some])
        matrix = model.features.matrix(histories, looked.as_of, target=target)
        for parts, row in zip(some, matrix, strict=True):
            if row.tobytes() == due:
                yield parts


def _without(purchases: Sequence[Purchase], parts: Sequence[_Part]) -> Sequence[Purchase]:
    left = dict(enumerate(purchases))
    for part in parts:
        if part.refund is None:
            left.pop(part.position, None)
        elif (purchase := left.get(part.position)) is not None:
            kept = tuple(refund for refund in purchase.refunds if refund != part.refund)
            left[part.position] = replace(purchase, refunds=kept)
    return list(left.values())


def _evidence(parts: Sequence[_Part], looked: Looked, *, together: bool) -> Evidence:
    refunds = all(part.refund is not None for part in parts)
    ages = [(looked.as_of - part.dated) / MICROS_PER_SECOND for part in parts]
    what = "refunds" if refunds else "purchases"
    among = f"these {len(parts)} {what} together" if together else f"any one of these {len(parts)}"
    one = "this refund" if refunds else "this purchase"
    return Evidence(
        Cause.LATE_REFUND if refunds else Cause.LATE_PURCHASE,
        f"without {one if len(parts) == 1 else among} the features are those logged, to the last "
        f"bit; dated {_spoken(min(ages))} before the decision and recorded after it, or at the "
        "same time",
        tuple(part.id for part in parts),
    )


def _spoken(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.3f} seconds"
