"""Surveys of audiences that a server makes beside serving, and the newest of each."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeAlias

from api.process.errands import Errands
from domain.audience import PlanAudience, Survey
from domain.beside import Beside
from domain.errors import PropensityError
from domain.prediction import Traffic, check_as_of
from domain.values import Clock

MOST = 2
"""Surveys that one process makes at a time."""
KEPT = 64
"""Surveys that a process keeps, each of 100 to 200 KB."""
Tell: TypeAlias = Callable[[object], object]
_OUR_FAULT = "this is our fault and was logged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyWanted:
    """Of which category, as which revision of a model scores it, at which instant.

    `as_of` in microseconds since the epoch, UTC. `versions` are those that answer, and their
    shares. About `expected` customers are in the category.
    """

    category: str
    as_of: int
    model: str
    revision: int
    versions: str
    expected: int

    @property
    def key(self) -> "Key":
        """What a newer survey replaces."""
        return self.model, self.versions, self.category


Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyState:
    """A survey on its way: `done` customers of about `wanted.expected`.

    It is over once there is a `survey`, or a `reason` why there is none. `before` is the survey
    that it replaces, if there was one.
    """

    wanted: SurveyWanted
    done: int = 0
    survey: Survey | None = None
    reason: str | None = None
    before: Survey | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.survey is not None or self.reason is not None


async def survey_prepared(  # noqa: PLR0913  # what it is prepared from
    category: str,
    model: str | None,
    as_of: int | None,
    *,
    clock: Clock,
    traffic: Callable[[str | None], Traffic],
    plan: PlanAudience,
) -> SurveyWanted:
    """What is wanted, with what was left open, once it is known that it can be.

    Raises:
        Rejected: the instant cannot be asked about, or the model does not serve here.
        NotFound: nobody ever bought in the category; names similar ones.
        Unavailable: the store did not answer, or no version serves.
    """
    now = clock()
    check_as_of(now if as_of is None else as_of, now=now)
    serving = traffic(model)
    size = await plan.size_of(category)
    return SurveyWanted(
        category=category,
        as_of=now if as_of is None else as_of,
        model=serving.name,
        revision=serving.revision,
        versions=serving.label,
        expected=size.customers,
    )


class Surveys:
    """Starts surveys, each beside serving, and keeps the newest of each model, versions and category.

    In this process' memory: another server has its own. `prepare` refuses what cannot be surveyed,
    and fills in what is left open. `work` is the survey as `beside` runs it, which tells how many
    customers are done.
    """

    def __init__(
        self,
        *,
        prepare: Callable[[str, str | None, int | None], Awaitable[SurveyWanted]],
        work: Callable[[SurveyWanted], Callable[[Tell], Survey]],
        beside: Beside,
        most: int = MOST,
        kept: int = KEPT,
    ) -> None:
        self._prepare = prepare
        self._work = work
        self._beside = beside
        self._kept = kept
        self._errands = Errands(most=most, what="surveys")
        self._states: OrderedDict[Key, SurveyState] = OrderedDict()
        self._lock = Lock()

    async def start(
        self,
        category: str,
        *,
        model: str | None = None,
        as_of: int | None = None,
        anew: bool = False,
    ) -> SurveyState:
        """The survey that there is, or that is under way, or else a new one; `anew`: not the old.

        `model` None is the usual one of audiences. `as_of` in microseconds since the epoch, UTC;
        None: now, for a new one. It goes on when this has returned.

        Raises:
            Rejected: the instant cannot be asked about, or the model does not serve here.
            NotFound: nobody ever bought in the category; names similar ones.
            Busy: this process makes as many surveys as it may.
            Unavailable: the store did not answer, or no version serves.
        """
        wanted = await self._prepare(category, model, as_of)
        with self._lock:
            state = self._states.get(wanted.key)
            before = None if state is None else state.survey or state.before
            if state is not None and not state.over:
                return state
            same = before is not None and as_of in {None, before.as_of}
            if state is not None and state.survey is not None and same and not anew:
                return state
            self._errands.take()
            begun = SurveyState(wanted=wanted, before=before)
            self._keep(begun)
        self._errands.begin(lambda: self._survey(wanted))
        return begun

    async def state(self, category: str, *, model: str | None = None) -> SurveyState | None:
        """The newest survey of what serves now, or how far it is; None: nobody started one here.

        Raises:
            Rejected, NotFound, Unavailable: as `start`.
        """
        wanted = await self._prepare(category, model, None)
        with self._lock:
            return self._states.get(wanted.key)

    def of(self, key: Key) -> SurveyState | None:
        """The same by the key of what was wanted: nothing is asked of the store."""
        with self._lock:
            return self._states.get(key)

    async def stop(self) -> None:
        """What is under way ends; returns once it has."""
        await asyncio.to_thread(self._errands.stop)

    def _survey(self, wanted: SurveyWanted) -> None:
        def tell(done: object) -> None:
            if isinstance(done, int):
                self._change(wanted.key, lambda state: replace(state, done=done))

        try:
            found = self._beside(self._work(wanted), tell=tell, stopped=self._errands.stopped)
        except Exception as exc:
            reason = str(exc) if isinstance(exc, PropensityError) else _OUR_FAULT
            self._change(wanted.key, lambda state: replace(state, reason=reason))
            raise
        self._change(wanted.key, lambda state: replace(state, survey=found, before=None))

    def _change(self, key: Key, change: Callable[[SurveyState], SurveyState]) -> None:
        with self._lock:
            self._keep(change(self._states[key]))

    def _keep(self, state: SurveyState) -> None:
        """The newest is last; those under way are never dropped."""
        self._states[state.wanted.key] = state
        self._states.move_to_end(state.wanted.key)
        over = [key for key, each in self._states.items() if each.over]
        for key in over[: max(0, len(self._states) - self._kept)]:
            del self._states[key]
