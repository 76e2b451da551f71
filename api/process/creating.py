"""Campaigns that a server creates beside serving, and what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TypeAlias

from api.process.errands import Errands
from domain.audience import PlanAudience
from domain.audit import Act, AuditTrail, Target, Who
from domain.beside import Beside
from domain.campaigns import (
    BEAT_S,
    CampaignDrafts,
    Campaigns,
    CampaignWanted,
    Claim,
    Creation,
    Power,
    PreviewPower,
    Progress,
    campaign_name_of,
    check_free,
)
from domain.errors import NotFound, PropensityError, Unavailable
from domain.prediction import Traffic, check_as_of
from domain.values import Clock

MOST = 2
"""Campaigns that one process creates at a time."""
Work: TypeAlias = Callable[[Callable[[object], object]], object]
_OUR_FAULT = "this is our fault and was logged"


async def prepared(
    wanted: CampaignWanted,
    *,
    clock: Clock,
    traffic: Callable[[str | None], Traffic],
    plan: PlanAudience,
) -> CampaignWanted:
    """The same with its instant, model and revision, once it is known that it can be.

    Raises:
        Rejected: the instant cannot be asked about, or the model does not serve here.
        NotFound: nobody ever bought in the category; names similar ones.
        Unavailable: the store did not answer, or no version serves.
    """
    now = clock()
    as_of = now if wanted.as_of is None else wanted.as_of
    check_as_of(as_of, now=now)
    serving = traffic(wanted.model)
    await plan.size_of(wanted.category)
    revision = serving.revision if wanted.revision is None else wanted.revision
    return replace(wanted, as_of=as_of, model=serving.name, revision=revision)


class CampaignCreations:
    """Starts creations, each beside serving, and says how far they are, whichever process has them.

    `prepare` refuses what cannot be created, and fills in what is left open: instant, model,
    revision. `work` is the creation as `beside` runs it, which tells its Progress. `preview` may
    take its time.
    """

    def __init__(  # noqa: PLR0913  # what the composition root gives
        self,
        *,
        drafts: CampaignDrafts,
        campaigns: Campaigns,
        audit: AuditTrail,
        prepare: Callable[[CampaignWanted], Awaitable[CampaignWanted]],
        work: Callable[[CampaignWanted, Claim], Work],
        beside: Beside,
        preview: Callable[[], PreviewPower],
        clock: Clock,
        most: int = MOST,
    ) -> None:
        self._drafts = drafts
        self._campaigns = campaigns
        self._audit = audit
        self._prepare = prepare
        self._work = work
        self._beside = beside
        self._preview = preview
        self._clock = clock
        self._errands = Errands(most=most, what="creating campaigns")

    async def start(self, wanted: CampaignWanted, who: Who) -> Creation:
        """The creation, once the name is held for it; it goes on when this has returned.

        Raises:
            Rejected: the name is none, or something else of it cannot be.
            NotFound: nobody ever bought in the category; names similar ones.
            Conflict: the name is taken, or somebody creates it now.
            Busy: this process creates as many as it may.
            Unavailable: the store did not answer, or no version serves.
        """
        campaign_name_of(wanted.name)
        earlier = await asyncio.to_thread(self._campaigns.creation, wanted.name)
        if earlier is not None:
            check_free(earlier.seen_at(self._clock()))
        begun: Future[Creation] = Future()
        self._errands.take()
        try:
            prepared = await self._prepare(wanted)
        except BaseException:
            self._errands.leave()
            raise
        self._errands.begin(lambda: self._create(prepared, who, begun))
        return await asyncio.shield(asyncio.wrap_future(begun))

    async def state(self, name: str) -> Creation:
        """How far the newest creation of that name is; ready, failed, or neither yet.

        Raises:
            Rejected: no campaign can have the name.
            NotFound: nobody began one.
            StoreUnavailable: the store did not answer.
        """
        found = await asyncio.to_thread(self._campaigns.creation, name)
        if found is None:
            raise NotFound(f"there is no campaign {name!r}, and nobody creates it")
        return found.seen_at(self._clock())

    async def power(self, *, members: int, holdout: int, rate: float) -> Power:
        """Which lift a campaign of so many members will see; `holdout` in basis points.

        Raises:
            Rejected: one of them is out of range, or the extra `campaigns` is not installed.
        """
        preview = await asyncio.to_thread(self._preview)
        return preview(members=members, holdout=holdout, rate=rate)

    async def stop(self) -> None:
        """What is under way ends, and says so; returns once it has."""
        await asyncio.to_thread(self._errands.stop)

    def _create(self, wanted: CampaignWanted, who: Who, begun: "Future[Creation]") -> None:
        try:
            with self._audit.act(who, Act.CREATE_CAMPAIGN, Target.CAMPAIGN, wanted.name):
                claim = self._drafts.begin(wanted.name, self._clock(), who.actor)
                begun.set_result(Creation(claim=claim, told_at=claim.at))
                self._created(wanted, claim)
        except Exception as exc:
            if begun.done():
                raise
            begun.set_exception(exc)

    def _created(self, wanted: CampaignWanted, claim: Claim) -> None:
        try:
            with self._held(claim) as tell:
                self._beside(self._work(wanted, claim), tell=tell, stopped=self._errands.stopped)
        except Exception as exc:
            reason = str(exc) if isinstance(exc, PropensityError) else _OUR_FAULT
            with suppress(Unavailable):
                self._drafts.fail(claim, self._clock(), reason)
            raise

    @contextmanager
    def _held(self, claim: Claim) -> Generator[Callable[[object], object]]:
        """In the block the store is told how far it is, and that it goes on.

        From here: what runs beside serving may have to wait long for a processor.
        """
        newest, done = Progress(), Event()

        def tell(progress: object) -> None:
            nonlocal newest
            if isinstance(progress, Progress):
                newest = progress

        def beat() -> None:
            while not done.wait(BEAT_S):
                with suppress(Unavailable):
                    self._drafts.tell(claim, self._clock(), newest)

        beating = Thread(target=beat, name="beat", daemon=True)
        beating.start()
        try:
            yield tell
        finally:
            done.set()
            beating.join()
