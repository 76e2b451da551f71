"""Shared scores: customers whose purchases come at the same moment are scored by one call.

One matrix of sixteen customers costs little more than one of a single customer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from domain.features import Histories
from domain.prediction.propensity import ServedModel
from domain.purchases import Purchase
from domain.values import Consistency, Reach

ReadPurchases: TypeAlias = Callable[[str, Reach, int, int], Awaitable[Sequence[Purchase]]]
"""Reads what must be known of a customer at an instant, beside so many others; see `domain.recent.RecentFirst`."""

Score: TypeAlias = Callable[
    [ServedModel, Histories, int, str | None], tuple[NDArray[np.float64], NDArray[np.float64]]
]
"""Features and probabilities of a model as of an instant, about a category or none."""


def scores(
    model: ServedModel, histories: Histories, as_of: int, target: str | None, /
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As the model itself scores; see `ServedModel.scores`."""
    return model.scores(histories, as_of, target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One customer as a model sees them: the features, in its order, and the probability.

    `purchases` are those that were read; the model looks at `purchases_read` of them, and of those
    that are known by their totals.
    """

    purchases: Sequence[Purchase]
    purchases_read: int
    features: Sequence[float]
    probability: float


Read: TypeAlias = tuple[Sequence[Purchase], int]
"""What was read of a customer, and as of when."""
_Waiting: TypeAlias = tuple[Read, "asyncio.Future[Scored]"]
_Together: TypeAlias = tuple[ServedModel, list[_Waiting]]


@dataclass(slots=True)
class _Here:
    """What one event loop's requests are at: how many are asked, and who waits for which score."""

    asked: int = 0
    waiting: dict[tuple[int, str | None], _Together] = field(
        default_factory=dict[tuple[int, str | None], _Together]
    )
    """By the model's identity and the category asked about."""


@dataclass(frozen=True, slots=True)
class SharedScores:
    """Reads customers and scores them; those of one turn of the event loop at once, by model.

    Who is alone waits for nobody. What fails for several is tried for each alone, so that nobody's
    trouble is another's. `read` has a way of reading for each consistency. `score` does as the model
    does, and may watch it.
    """

    read: Mapping[Consistency, ReadPurchases]
    score: Score = scores
    _loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = field(
        default_factory=WeakKeyDictionary, init=False
    )

    async def __call__(  # noqa: PLR0913  # whom, how far back, when, by which model, about what
        self,
        customer_id: str,
        reach: Reach,
        as_of: int,
        model: ServedModel,
        target: str | None,
        /,
        *,
        consistency: Consistency = Consistency.STRONG,
    ) -> Scored:
        """The customer as `model` sees them at `as_of`, microseconds since the epoch, UTC.

        What `reach` asks for is read; `target` is the category asked about.

        Raises:
            StoreUnavailable: not everything could be read before the deadline.
            CorruptRecord: a stored purchase is none, or the model's score is no probability.
        """
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop) or self._loops.setdefault(loop, _Here())
        here.asked += 1
        try:
            others = here.asked - 1
            read = await self.read[consistency](customer_id, reach, as_of, others), as_of
            if here.asked == 1:
                return self._scored(model, target, [read])[0]
            if not here.waiting:
                loop.call_soon(self._score_waiting, here)
            found: asyncio.Future[Scored] = loop.create_future()
            here.waiting.setdefault((id(model), target), (model, []))[1].append((read, found))
            return await found
        finally:
            here.asked -= 1

    def _score_waiting(self, here: _Here) -> None:
        groups, here.waiting = here.waiting, {}
        for (_, target), (model, everybody) in groups.items():
            waiting = [each for each in everybody if not each[1].done()]
            try:
                found = self._scored(model, target, [read for read, _ in waiting])
            except Exception:  # noqa: BLE001  # whatever it was, each hears of their own
                for each in waiting:
                    self._score_alone(model, target, each)
            else:
                for (_, future), scored in zip(waiting, found, strict=True):
                    future.set_result(scored)

    def _score_alone(self, model: ServedModel, target: str | None, waiting: _Waiting) -> None:
        read, future = waiting
        try:
            future.set_result(self._scored(model, target, [read])[0])
        except Exception as exc:  # noqa: BLE001  # else they would wait for good
            future.set_exception(exc)

    def _scored(
        self, model: ServedModel, target: str | None, everybody: Sequence[Read]
    ) -> Sequence[Scored]:
        if not everybody:
            return []
        histories, as_of = Histories.of([purchases for purchases, _ in everybody]), everybody[0][1]
        if any(at != as_of for _, at in everybody):
            # A feature knows how long ago a purchase was, not when: moved along, it is the same.
            histories = histories.moved(np.array([as_of - at for _, at in everybody]))
        matrix, probabilities = self.score(model, histories, as_of, target)
        rows = zip(
            everybody,
            _counted(model, histories, as_of).tolist(),
            matrix.tolist(),
            probabilities.tolist(),
            strict=True,
        )
        return [
            Scored(
                purchases=purchases,
                purchases_read=count,
                features=features,
                probability=probability,
            )
            for (purchases, _), count, features, probability in rows
        ]


def _counted(model: ServedModel, histories: Histories, as_of: int) -> NDArray[np.int64]:
    """How many purchases the model itself looks at; shadows may look further back. Shape: (n,)."""
    reach, at = model.features.reach, histories.known_at(as_of).purchased_at
    listed = histories.reduced(np.add, (at > reach.window.after(as_of)) & (at <= as_of), empty=0)
    totals = histories.earlier if reach.ever else None
    return listed if totals is None else listed + totals.count
