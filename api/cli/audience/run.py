"""How an audience is planned, listed and reported; over any store and any kind of output."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import typer
from rich.progress import TextColumn

from api.cli.audience.report import Group, Report
from api.cli.audience.selection import Selection
from api.cli.cost import Price
from api.cli.output import emit, progress_bar, say
from api.composition import Progress
from domain.audience import AudienceQuery, AudienceSummary, Holdout, Listed, Member
from domain.cost import Cost

INCOMPLETE = 1

OnProgress = Callable[[AudienceSummary], None]


class StreamsAudience(Protocol):
    """Who lists an audience: this process, or several."""

    @property
    def shards(self) -> int:
        """Into how many shards a category is divided."""
        ...

    def stream(
        self, query: AudienceQuery, /
    ) -> AbstractAsyncContextManager[tuple[AsyncIterator[Sequence[Member]], AudienceSummary]]:
        """The members in batches, and the summary so far."""
        ...


class AudienceOutput(Protocol):
    """Where the listed members go."""

    @property
    def paths(self) -> Sequence[Path | str]:
        """The files, if any; those of a bucket as s3://..."""
        ...

    @property
    def escaped(self) -> int:
        """How many ids are not written as they are."""
        ...

    @property
    def merged(self) -> int:
        """How many customers are left out, as another one has the same mail address."""
        ...

    @property
    def stale(self) -> Sequence[Path | str]:
        """Files of earlier exports that look like a part of this one."""
        ...

    def write(self, listed: Sequence[Listed], /) -> None:
        """These members come next."""
        ...

    def mark_partial(self) -> None:
        """Someone is missing, which the files' names say."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Who of the audience is listed, what a unit costs, and what the campaign cost until now.

    About `expected` customers come; `on_screen` the rows themselves are the progress. The meter
    of `cost` still runs.
    """

    choice: Selection = field(default_factory=Selection)
    holdout: Holdout = field(default_factory=Holdout)
    price: Price
    cost: Cost
    expected: int
    on_screen: bool = False


def run_audience(
    service: StreamsAudience,
    query: AudienceQuery,
    order: ExportOptions,
    files: AbstractContextManager[AudienceOutput],
    *,
    progress: Progress,
) -> Report:
    """The audience is listed, and its files are complete; `progress` is told as it goes.

    Raises:
        StoreUnavailable: a refusal that retrying cannot mend.
        CorruptRecord: a stored purchase, or the model's score, is none.
        Rejected: the files cannot be written, or the format does not take these customers.
    """
    started = time.perf_counter()
    in_file, held_out = Group(), Group()
    with files as output, _progress(order) as on_progress:

        def write(members: Sequence[Member]) -> None:
            listed = order.holdout.assign(members)
            in_file.count(listed, held_out=False)
            held_out.count(listed, held_out=True)
            output.write(listed)

        summary = asyncio.run(
            _list(service, query, order.choice, write, _told(on_progress, progress))
        )
        if summary.partial:
            output.mark_partial()
    return Report(
        query=query,
        summary=summary,
        in_file=in_file,
        held_out=held_out,
        seconds=time.perf_counter() - started,
        price=order.price,
        cost=order.cost,
        files=output.paths,
        stale=output.stale,
        escaped=output.escaped,
        merged=output.merged,
        shards=service.shards,
    )


async def _list(
    service: StreamsAudience,
    query: AudienceQuery,
    choice: Selection,
    write: Callable[[Sequence[Member]], None],
    on_progress: OnProgress,
) -> AudienceSummary:
    async with service.stream(query) as (batches, summary):
        async for batch in batches:
            write(choice.take(batch))
            on_progress(summary)
    write(choice.rest())
    return summary


def _told(on_progress: OnProgress, progress: Progress) -> OnProgress:
    """Tells both: the one what there is, the other what is new."""
    scored = unread = 0

    def tell(summary: AudienceSummary) -> None:
        nonlocal scored, unread
        progress.listed(scored=summary.scored - scored, unread=summary.unread - unread)
        scored, unread = summary.scored, summary.unread
        on_progress(summary)

    return tell


@contextmanager
def _progress(order: ExportOptions) -> Iterator[OnProgress]:
    if order.on_screen:
        yield lambda _: None
        return
    with progress_bar(TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("scoring", total=order.expected, state="")

        def on_progress(summary: AudienceSummary) -> None:
            done = summary.scored + summary.unread
            speed = done / (bar.tasks[0].elapsed or 1.0)
            state = (
                f"{done:,} of about {order.expected:,} customers, {speed:,.0f} customers/s, "
                f"{order.cost.reads.total:,.0f} read units"
            )
            bar.update(task, completed=done, state=state)

        yield on_progress


def conclude(report: Report, *, as_json: bool) -> None:
    """Says what was listed: on stderr, and on stdout as JSON where that is asked for.

    Raises:
        typer.Exit: with 1, when the audience is partial.
    """
    say(report.text)
    if as_json:
        emit(report.document, as_json=True, text="")
    for warning in report.warnings:
        say(warning)
    if report.summary.partial:
        raise typer.Exit(INCOMPLETE)
