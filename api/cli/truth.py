"""Commands about the truth: rebuild what is derived from it, and verify that both agree."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TextColumn

from api.bootstrap import Application, application
from api.cli.cost import cost_text
from api.cli.output import AsJson, emit, progress_bar, say
from api.schemas import cost_used
from api.settings import load_settings
from domain.audience import Position
from domain.cost import metered
from domain.errors import Rejected
from domain.verification import Difference

DIFFERENT = 1
_AT_ONCE = 16


class _Checkpoint:
    """Where a rebuild stands, in a file, until it is through."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Position:
        """Where to go on: at the beginning, unless one was interrupted.

        Raises:
            Rejected: the file holds something else.
        """
        if not self._path.exists():
            return Position()
        try:
            found = json.loads(self._path.read_text())
            position = Position(int(found["shard"]), str(found["after"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise Rejected(str(self._path), "is no checkpoint; remove it to begin anew") from exc
        say(f"going on in shard {position.shard}, where the one before stopped ({self._path})")
        return position

    def write(self, position: Position) -> None:
        """Everybody up to there is done."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"shard": position.shard, "after": position.after}))

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
    """Compute the recent purchases again from the truth, while traffic goes on.

    Interrupted, it goes on where it was when it is run again.
    """
    settings = load_settings()
    checkpoint = _Checkpoint(settings.home / "rebuild.json")
    with application(settings, batch=True) as built, metered() as cost:
        if customer is not None:
            counts = {"customers": 1, "changed": int(asyncio.run(built.rebuild(customer)))}
        else:
            counts = asyncio.run(_rebuild_all(built, checkpoint))
    document = {**counts, "cost": cost_used(cost)}
    emit(
        document,
        as_json=as_json,
        text=f"customers: {counts['customers']:,}, changed: {counts['changed']:,}\n{cost_text(cost)}",
    )


async def _rebuild_all(built: Application, checkpoint: _Checkpoint) -> dict[str, int]:
    counts = {"customers": 0, "changed": 0}
    start = checkpoint.read()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(customer: str) -> bool:
        async with slots:
            return await built.rebuild(customer)

    with progress_bar(TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("rebuilding", total=built.index.shards, state="")
        async for position, customers in built.every_customer.batches(start):
            changed = await asyncio.gather(*map(one, customers))
            counts["customers"] += len(customers)
            counts["changed"] += sum(changed)
            checkpoint.write(position)
            state = f"{counts['customers']:,} customers, {counts['changed']:,} changed"
            bar.update(task, completed=position.shard, state=state)
        bar.update(task, completed=built.index.shards)
    await _rebuild_unlisted(built, one, counts)
    checkpoint.remove()
    return counts


async def _rebuild_unlisted(
    built: Application, one: Callable[[str], Awaitable[bool]], counts: dict[str, int]
) -> None:
    """Items of customers whom no category lists any more, such as where all was cancelled."""
    async for batch in built.recent.scan(segment=0, segments=1):
        changed = await asyncio.gather(*(one(history.customer_id) for history in batch.histories))
        counts["changed"] += sum(changed)


def verify(
    *,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many customers.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All customers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the recent purchases with the truth, and features on both paths; exits with 1 on any."""
    if everybody == (sample is not None):
        raise Rejected("--sample", "give --sample N or --all")
    with application(load_settings(), batch=True) as built, metered() as cost:
        checked, differences = asyncio.run(_verify(built, sample))
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


async def _verify(built: Application, sample: int | None) -> tuple[int, list[Difference]]:
    checked, differences = 0, list[Difference]()
    with progress_bar(TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("verifying", total=sample, state="")
        async for _, customers in built.every_customer.batches():
            left = len(customers) if sample is None else sample - checked
            some = list(islice(customers, left))
            differences += await built.verify(some)
            checked += len(some)
            bar.update(task, completed=checked, state=f"{len(differences):,} different")
            if checked == sample:
                return checked, differences
    if sample is None:
        known = {each.customer_id for each in differences}
        async for batch in built.recent.scan(segment=0, segments=1):
            ids = [each.customer_id for each in batch.histories]
            for start in range(0, len(ids), 100):
                found = await built.verify(ids[start : start + 100])
                differences += [each for each in found if each.customer_id not in known]
    return checked, differences
