"""Commands about the truth: rebuild what is derived from it, and verify that both agree."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TextColumn

from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, progress_bar, say
from api.composition import application, exposed_metrics
from api.documents.cost import cost_used
from api.process import PREFIX, load_settings
from domain.categories import Position
from domain.cost import metered
from domain.customers import EveryCustomer
from domain.errors import Rejected
from domain.recent import RecentPurchases, RecentRebuilder
from domain.retention import SLACK_DAYS
from domain.values import instant
from domain.verification import Difference, VerifyRecent

DIFFERENT = 1
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class _Progress:
    """Where a rebuild stands, and when it began (microseconds since the epoch, UTC)."""

    position: Position
    began_at: int


class _Checkpoint:
    """Where a rebuild stands, in a file, until it is through."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, now: int) -> _Progress:
        """Where to go on: at the beginning, `now`, unless one was interrupted.

        Raises:
            Rejected: the file holds something else.
        """
        if not self._path.exists():
            return _Progress(Position(), now)
        try:
            found = json.loads(self._path.read_text())
            position = Position(int(found["shard"]), str(found["after"]))
            began_at = instant.parse(found["began_at"])
        except (ValueError, KeyError, TypeError) as exc:
            raise Rejected(str(self._path), "is no checkpoint; remove it to begin anew") from exc
        say(f"going on in shard {position.shard}, where the one before stopped ({self._path})")
        return _Progress(position, began_at)

    def write(self, stand: _Progress) -> None:
        """Everybody up to there is done."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "began_at": instant.render(stand.began_at),
            "shard": stand.position.shard,
            "after": stand.position.after,
        }
        self._path.write_text(json.dumps(document))

    def remove(self) -> None:
        """Everybody is done."""
        self._path.unlink(missing_ok=True)


def rebuild(
    *,
    customer: Annotated[
        str | None, typer.Option(help="Only this one.", show_default="everybody who ever bought")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the recent purchases again from the stored ones, while traffic goes on.

    Interrupted, it goes on where it was when it is run again.
    """
    settings = load_settings()
    checkpoint = _Checkpoint(settings.home / "rebuild.json")
    shorter: list[dict[str, object]] = []
    with exposed_metrics(settings), application(settings, batch=True) as built, metered() as cost:
        if customer is not None:
            changed = asyncio.run(built.rebuilder.rebuild(customer))
            counts = {"customers": 1, "changed": int(changed)}
        else:
            counts, last_writes = asyncio.run(
                _rebuild_all(
                    built.rebuilder,
                    built.every_customer,
                    checkpoint,
                    began_at=built.clock(),
                    rebuilt=built.progress.rebuilt,
                )
            )
            shorter = [
                {"recent_days": days - SLACK_DAYS, "last_write": instant.render(last)}
                for days, last in last_writes.items()
            ]
    document = {**counts, "shorter_retentions": shorter, "cost": cost_used(cost)}
    lines = [
        f"customers: {counts['customers']:,}, changed: {counts['changed']:,}",
        *(_still_written(settings.recent_days, **each) for each in shorter),
        cost_text(cost),
    ]
    emit(document, as_json=as_json, text="\n".join(lines))


def _still_written(ours: int, *, recent_days: object, last_write: object) -> str:
    return (
        f"a process with {PREFIX}RECENT_DAYS={recent_days} wrote until {last_write}: windows that look "
        f"back further are read by time; restart it with {ours}, wait two minutes, rebuild again"
    )


async def _rebuild_all(
    rebuilder: RecentRebuilder,
    every_customer: EveryCustomer,
    checkpoint: _Checkpoint,
    *,
    began_at: int,
    rebuilt: Callable[[int], object],
) -> tuple[dict[str, int], Mapping[int, int]]:
    counts = {"customers": 0, "changed": 0}
    start = checkpoint.read(began_at)
    shards = every_customer.index.shards
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(customer: str) -> bool:
        async with slots:
            return await rebuilder.rebuild(customer)

    with progress_bar(TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("rebuilding", total=shards, state="")
        async for position, customers in every_customer.batches(start.position):
            changed = await asyncio.gather(*map(one, customers))
            counts["customers"] += len(customers)
            counts["changed"] += sum(changed)
            rebuilt(len(customers))
            checkpoint.write(_Progress(position, start.began_at))
            state = f"{counts['customers']:,} customers, {counts['changed']:,} changed"
            bar.update(task, completed=position.shard, state=state)
        bar.update(task, completed=shards)
    shorter = await rebuilder.finish(began_at=start.began_at)  # from here on it may be read
    await _rebuild_unlisted(rebuilder, one, counts)
    checkpoint.remove()
    return counts, shorter


async def _rebuild_unlisted(
    rebuilder: RecentRebuilder, one: Callable[[str], Awaitable[bool]], counts: dict[str, int]
) -> None:
    """Items of customers whom no category lists any more, such as where all was cancelled."""
    async for customers in rebuilder.stored():
        changed = await asyncio.gather(*map(one, customers))
        counts["changed"] += sum(changed)


def verify(
    *,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many customers.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All customers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare recent with stored purchases, and features on both paths; exits with 1 on any difference."""
    if everybody == (sample is not None):
        raise Rejected("--sample", "give --sample N or --all")
    with application(load_settings(), batch=True) as built, metered() as cost:
        checked, differences = asyncio.run(
            _verify(built.verify, built.every_customer, built.recent, sample)
        )
    document = {
        "customers": checked,
        "differences": [
            {"customer_id": each.customer_id, "what": each.what} for each in differences
        ],
        "cost": cost_used(cost),
    }
    lines = [f"{each.customer_id}: {each.what}" for each in differences]
    lines.append(f"customers: {checked:,}, different: {len(differences):,}")
    emit(document, as_json=as_json, text="\n".join([*lines, cost_text(cost)]))
    if differences:
        raise typer.Exit(DIFFERENT)


async def _verify(
    verify: VerifyRecent, every_customer: EveryCustomer, recent: RecentPurchases, sample: int | None
) -> tuple[int, list[Difference]]:
    checked, differences = 0, list[Difference]()
    with progress_bar(TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("verifying", total=sample, state="")
        async for _, customers in every_customer.batches():
            left = len(customers) if sample is None else sample - checked
            some = list(islice(customers, left))
            differences += await verify(some)
            checked += len(some)
            bar.update(task, completed=checked, state=f"{len(differences):,} different")
            if checked == sample:
                return checked, differences
    if sample is None:
        known = {each.customer_id for each in differences}
        async for batch in recent.scan(segment=0, segments=1):
            ids = [each.customer_id for each in batch.histories]
            for start in range(0, len(ids), 100):
                found = await verify(ids[start : start + 100])
                differences += [each for each in found if each.customer_id not in known]
    return checked, differences
