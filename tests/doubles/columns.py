"""Recent purchases in columns, made out of histories one by one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from domain.features import NEVER, Histories, LifetimeColumns
from domain.purchases import Lifetime
from domain.recent import RecentBatch, RecentHistory
from domain.recent.columns import RecentColumns
from domain.values import BEGINNING, Reach


def batch_of(
    histories: Sequence[RecentHistory],
    *,
    columns_for: Reach | None,
    unread: Sequence[str] = (),
    left_out: bool = False,
) -> RecentBatch:
    """A batch of these: in columns, if asked, whoever has nothing that columns cannot tell."""
    if columns_for is None:
        return RecentBatch(histories=histories, unread=unread, left_out=left_out)
    plain = [history for history in histories if _is_plain(history)]
    return RecentBatch(
        histories=[history for history in histories if not _is_plain(history)],
        unread=unread,
        columns=columns_of(plain, totals=columns_for.ever),
        left_out=left_out,
    )


def columns_of(histories: Sequence[RecentHistory], *, totals: bool) -> RecentColumns:
    """These histories as columns."""
    found = Histories.of_each({each.customer_id: each.purchases for each in histories})
    lifetimes = [each.lifetime for each in histories]
    counted = [one.categories for one in lifetimes if one is not None]
    categories = list(dict.fromkeys((*found.categories, *chain.from_iterable(counted))))
    found = replace(found, categories=categories)
    told = _lifetimes_of(lifetimes, found) if totals and any(lifetimes) else None
    return RecentColumns(
        complete_since=_integers([each.complete_since for each in histories]),
        histories=found if told is None else told.beyond(found),
        lifetimes=told,
    )


def _lifetimes_of(lifetimes: Sequence[Lifetime | None], listed: Histories) -> LifetimeColumns:
    each = [one or Lifetime() for one in lifetimes]
    counts = [
        (place, listed.categories.index(category), count)
        for place, one in enumerate(each)
        for category, count in one.categories.items()
    ]
    return LifetimeColumns(
        known=np.array([one is not None for one in lifetimes], dtype=np.bool_),
        purchases=_integers([one.purchases for one in each]),
        volume_minor=_integers([one.volume_minor for one in each]),
        first_at=_integers([NEVER if one.first_at is None else one.first_at for one in each]),
        last_at=_integers([BEGINNING if one.last_at is None else one.last_at for one in each]),
        refunded_until=_integers([one.refunded_until for one in each]),
        counted_of=_integers([place for place, _, _ in counts]),
        counted_category=_integers([code for _, code, _ in counts]),
        counted=_integers([count for _, _, count in counts]),
    )


def _integers(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _is_plain(history: RecentHistory) -> bool:
    return not (history.purchases.refunds or history.overflow_days or history.suppressed)
