"""Training sets: features as they were known at a cut-off, labels from what came after it."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.errors import TrainingRefused
from domain.features import BaseRates, FeatureSet, Histories
from domain.training.segments import segments_at
from domain.values import MICROS_PER_DAY, Window

MIN_EXAMPLES_PER_CLASS = 10
"""Fewer of either class say nothing: ten events per coefficient is the usual rule of thumb.

Source: Peduzzi et al., J. Clin. Epidemiol. 49 (1996) 1373-1379.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffs:
    """When features are taken; each label looks ahead over (cut-off, cut-off + horizon].

    Instants in microseconds since the epoch, UTC. No training label reaches beyond the held-out
    cut-off, so nothing that the evaluation asks about was learnt from.
    """

    training: tuple[int, ...]
    held_out: int
    horizon_us: int

    @classmethod
    def plan(
        cls, *, first: int, last: int, window_us: int, horizon_us: int, most: int
    ) -> "CutOffs":
        """Cut-offs one horizon apart, the newest held out, the oldest with a full window.

        Args:
            first: the instant of the first purchase known.
            last: the instant up to which every purchase is known.
            window_us: the longest window of the features.
            horizon_us: how far ahead a label looks.
            most: how many training cut-offs to use at most.

        Raises:
            TrainingRefused: the purchases span too little time for one training cut-off.
            ValueError: no cut-off is asked for, or the horizon is not ahead.
        """
        if most < 1 or horizon_us < 1:
            raise ValueError(f"needs a cut-off and a horizon, not {most} and {horizon_us} us")
        held_out = last - horizon_us
        room = held_out - horizon_us - (first + window_us)
        if room < 0:
            need = -(-(window_us + 2 * horizon_us) // MICROS_PER_DAY)
            raise TrainingRefused(
                "purchases",
                f"span {(last - first) // MICROS_PER_DAY} full days, training needs {need}: "
                "one window, one horizon to learn from and one to be tested on",
            )
        count = min(most, room // horizon_us + 1)
        training = tuple(held_out - horizon_us * step for step in range(count, 0, -1))
        return cls(training=training, held_out=held_out, horizon_us=horizon_us)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows to learn from or to be tested on, each of a customer, at a cut-off.

    Where a model says who buys within a category, a row is of a category too: `category` is its
    place in `categories`. Shape: matrix (n, k) float64, labels (n,) bool; customer, category and
    cut_off (n,) int64, the last in microseconds since the epoch, UTC.
    """

    matrix: NDArray[np.float64]
    labels: NDArray[np.bool_]
    customer: NDArray[np.int64]
    cut_off: NDArray[np.int64]
    category: NDArray[np.int64] | None = None
    categories: Sequence[str] = field(default=(), repr=False)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.labels)

    def rows(self, chosen: NDArray[np.bool_]) -> "Examples":
        """Those rows alone. Shape of `chosen`: (n,) bool."""
        return Examples(
            self.matrix[chosen],
            self.labels[chosen],
            self.customer[chosen],
            self.cut_off[chosen],
            None if self.category is None else self.category[chosen],
            self.categories,
        )

    @property
    def buyers(self) -> int:
        """The number of rows whose customer bought within the horizon."""
        return int(self.labels.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSet:
    """Everything a model is trained and judged on.

    `held_out_sha256` is equal only for the same held-out customers in the same order, with the same
    cut-off and horizon. Customers are told apart by when they bought.
    """

    features: FeatureSet
    cut_offs: CutOffs
    training: Examples
    held_out: Examples
    held_out_sha256: str
    customers: int
    purchases: int
    segments: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict[str, NDArray[np.bool_]])
    """Which held-out rows are of which customers. Shape: (rows,) bool each."""

    @property
    def needed(self) -> int:
        """How many rows of either class allow that many coefficients; see MIN_EXAMPLES_PER_CLASS."""
        return MIN_EXAMPLES_PER_CLASS * len(self.features.names)


def examples_at(
    histories: Histories, cut_off: int, *, features: FeatureSet, horizon_us: int
) -> Examples:
    """One row per customer who had bought by the cut-off: who came later was not known then.

    For a model of purchases within a category: one row per customer and category in which the
    customer had bought by then. Bought within the horizon is what was not given back in full by its
    end.
    """
    known = features.known(histories, cut_off)
    rows = list(_rows_at(histories, cut_off, horizon_us=horizon_us, targeted=features.targeted))
    names = [category for category, _, _ in rows if category is not None]
    matrices = [
        features.rows(known if category is None else known.asking(category))[customers]
        for category, customers, _ in rows
    ]
    counts = [len(customers) for _, customers, _ in rows]
    customer = _joined([customers for _, customers, _ in rows], np.int64)
    return Examples(
        matrix=np.concatenate(matrices) if matrices else np.empty((0, len(features.names))),
        labels=_joined([labels for _, _, labels in rows], np.bool_),
        customer=customer,
        cut_off=np.full(len(customer), cut_off, dtype=np.int64),
        category=np.repeat(np.arange(len(rows)), counts) if features.targeted else None,
        categories=names,
    )


def bought_within(histories: Histories, cut_off: int, *, horizon_us: int) -> NDArray[np.bool_]:
    """Which purchases make a label true: of (cut-off, cut-off + horizon], not given back by its end.

    Instants in microseconds since the epoch, UTC. Shape: (m,) bool.
    """
    end = cut_off + horizon_us
    at = histories.known_at(end).purchased_at
    within: NDArray[np.bool_] = (at > cut_off) & (at <= end)
    return within


def _rows_at(
    histories: Histories, cut_off: int, *, horizon_us: int, targeted: bool = True
) -> Iterator[tuple[str | None, NDArray[np.int64], NDArray[np.bool_]]]:
    """Each category, or None for all; which customers had bought, and which of those buy next."""
    before = histories.purchased_at <= cut_off
    after = bought_within(histories, cut_off, horizon_us=horizon_us)
    codes = {name: code for code, name in enumerate(histories.categories)}
    for category in sorted(codes) if targeted else (None,):
        inside = np.True_ if category is None else histories.category == codes[category]
        customers = np.flatnonzero(histories.reduced(np.add, before & inside, empty=0))
        buyers = histories.reduced(np.add, after & inside, empty=0) > 0
        yield category, customers, buyers[customers]


def _knowing_rates(
    histories: Histories, features: FeatureSet, cut_offs: CutOffs
) -> Mapping[int, FeatureSet]:
    """The features at each cut-off, with the base rates that were known by then.

    Those come from the horizons that had ended: of the training cut-offs before it, and of one more
    before the first.
    """
    horizon_us = cut_offs.horizon_us
    every = (*cut_offs.training, cut_offs.held_out)
    if not features.learns_base_rates:
        return dict.fromkeys(every, features)
    found: dict[int, FeatureSet] = {}
    customers, buyers = Counter[str](), Counter[str]()
    for cut_off in every:
        ended = cut_off - horizon_us
        for category, members, labels in _rows_at(histories, ended, horizon_us=horizon_us):
            customers[str(category)] += len(members)
            buyers[str(category)] += int(labels.sum())
        found[cut_off] = features.knowing(BaseRates.of(buyers, customers))
    return found


def training_set(
    histories: Histories,
    *,
    features: FeatureSet,
    horizon_us: int,
    most_cut_offs: int,
    window: Window | None = None,
) -> TrainingSet:
    """The point-in-time training set of these histories.

    Purchases are taken to be known up to the last one of any customer. The oldest cut-off has a full
    `window` before it, which is that of the features if they do not share it with others.

    Raises:
        TrainingRefused: no purchases, too short a span, or one class only.
    """
    if not len(histories.purchased_at):
        raise TrainingRefused("purchases", "none are stored; import some first")
    cut_offs = CutOffs.plan(
        first=int(histories.purchased_at.min()),
        last=int(histories.purchased_at.max()),
        window_us=(window or features.reach.window).length_us,
        horizon_us=horizon_us,
        most=most_cut_offs,
    )
    known = _knowing_rates(histories, features, cut_offs)
    parts = [
        examples_at(histories, cut_off, features=known[cut_off], horizon_us=horizon_us)
        for cut_off in (*cut_offs.training, cut_offs.held_out)
    ]
    training = _together(parts[:-1])
    _check_examples("training", training)
    _check_examples("held-out", parts[-1])
    return TrainingSet(
        features=known[cut_offs.held_out],
        cut_offs=cut_offs,
        training=training,
        held_out=parts[-1],
        held_out_sha256=_held_out_sha256(histories, cut_offs, targeted=features.targeted),
        customers=len(histories),
        purchases=len(histories.purchased_at),
        segments={
            name: customers[parts[-1].customer]
            for name, customers in segments_at(histories, cut_offs.held_out).items()
        },
    )


def _together(parts: Sequence[Examples]) -> Examples:
    categories = [part.category for part in parts if part.category is not None]
    return Examples(
        matrix=np.concatenate([part.matrix for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        customer=np.concatenate([part.customer for part in parts]),
        cut_off=np.concatenate([part.cut_off for part in parts]),
        category=np.concatenate(categories) if categories else None,
        categories=parts[0].categories,
    )


T = TypeVar("T", np.int64, np.bool_)


def _joined(parts: Sequence[NDArray[T]], dtype: type[T]) -> NDArray[T]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def _held_out_sha256(histories: Histories, cut_offs: CutOffs, *, targeted: bool) -> str:
    """The same however the purchases of a customer lie, and whichever category came first."""
    names = sorted(histories.categories)
    code = np.array([names.index(name) for name in histories.categories], dtype=np.int64)
    category = code[histories.category]
    order = np.lexsort((category, histories.purchased_at, histories.customer))
    digest = hashlib.sha256(f"{cut_offs.held_out} {cut_offs.horizon_us} {targeted}".encode())
    columns = [histories.offsets, histories.purchased_at[order]]
    if targeted:
        digest.update("\n".join(names).encode())
        columns.append(category[order])
    for column in columns:
        digest.update(column.astype("<i8").tobytes())
    return digest.hexdigest()


def _check_examples(part: str, examples: Examples) -> None:
    others = len(examples) - examples.buyers
    if min(examples.buyers, others) < MIN_EXAMPLES_PER_CLASS:
        raise TrainingRefused(
            f"{part} examples",
            f"{examples.buyers} bought within the horizon and {others} did not; "
            f"at least {MIN_EXAMPLES_PER_CLASS} of each are needed",
        )
