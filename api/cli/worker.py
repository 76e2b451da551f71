"""Commands of the queue: the worker, and what it could not take."""

import asyncio
import signal
from typing import Annotated

import typer

from api.cli.audit import audited
from api.cli.output import AsJson, emit, say, table
from api.composition import exposed_metrics, queues, worker
from api.process import configure_logging, load_settings, log_started
from api.queue import peek, replay
from domain.audit import Act, Target

app = typer.Typer(
    help="Purchases from a queue of SQS.",
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
)
dead = typer.Typer(
    help="What no worker could take, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(dead, name="dead-letters")
_SHOWN = 100


@app.callback()
def work(context: typer.Context) -> None:
    """Record purchases from the queue until SIGTERM or Ctrl-C; whatever was begun is finished."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    configure_logging(settings.log_level)
    log_stopped = log_started("worker", settings)
    with exposed_metrics(settings), worker(settings) as built:

        async def run() -> dict[str, int]:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            say(f"recording purchases from {settings.queue}")
            return dict(await built.run(stop))

        counts = asyncio.run(run())
    log_stopped()
    say(
        ", ".join(f"{kind}: {count:,}" for kind, count in sorted(counts.items()))
        or "no message came"
    )


@app.command("create")
def create() -> None:
    """Create the queue and its dead-letter queue where they are missing, and join them."""
    settings = load_settings()
    with queues(settings) as client:
        visibility_s, letters = settings.queue_visibility_s, settings.dead_letter_name
        client.create(letters, visibility_s=visibility_s)
        client.create(settings.queue, visibility_s=visibility_s, dead_letters=letters)
        say(f"queue {settings.queue} is there, and {letters} for what comes too often")


@dead.command("list")
def list_dead(
    *,
    most: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = _SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show dead letters with their reasons; they stay where they are."""
    settings = load_settings()

    with queues(settings) as client:
        found = asyncio.run(peek(client.queue(settings.dead_letter_name), most))
    documents = [
        {"message_id": letter.message_id, "reason": letter.reason, "body": letter.body}
        for letter in found
    ]
    rows = [[letter.message_id, letter.reason or "", letter.body[:200]] for letter in found]
    emit(documents, as_json=as_json, text=table("message", "reason", "body", rows=rows))
    say(f"dead letters: {len(found)}{' or more' if len(found) == most else ''}")


@dead.command("replay")
def replay_dead(*, as_json: AsJson = False) -> None:
    """Send every dead letter back to the queue, once what was wrong is mended."""
    settings = load_settings()

    with queues(settings) as client:
        letters, queue = client.queue(settings.dead_letter_name), client.queue(settings.queue)
        with audited(settings, Act.REPLAY, Target.QUEUE, settings.queue):
            done = asyncio.run(replay(letters, queue))
    left = f", left (duplicates, or refused again): {done.left}" if done.left else ""
    emit(
        {"replayed": done.replayed, "left": done.left},
        as_json=as_json,
        text=f"replayed: {done.replayed}{left}",
    )
