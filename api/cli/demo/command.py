"""The command that shows everything at once, on real purchases and nothing but this machine."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from api import composition
from api.cli.demo.beside import Beside, beside
from api.cli.demo.campaign import freeze_and_measure
from api.cli.demo.loading import FIRST, days_of, load
from api.cli.demo.surroundings import HOST, Surroundings
from api.cli.demo.versions import Versions
from api.cli.output import say
from api.cli.serving import check_port, run_server
from api.composition import Application, application, exposed_metrics
from api.process import Settings, load_settings
from domain.decisions import BANNER
from domain.errors import Rejected, TablesDiffer
from domain.prediction import DecideFlags

PATIENCE_S = 60.0
VISITORS = 500
"""Customers who come and go; their ids travel in a command's arguments."""


def demo(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to serve on.")] = 8000,
    households: Annotated[
        int, typer.Option(min=100, help="How many households of the sample to load.")
    ] = 2_000,
    visitors: Annotated[
        bool, typer.Option(help="Simulated visitors, two requests a second.")
    ] = True,
    opens: Annotated[bool, typer.Option("--open", help="Open the console in a browser.")] = False,
) -> None:
    """Start the engine, load real purchases, train, promote and serve. Ctrl-C stops it all."""
    surroundings = Surroundings.of(load_settings(), port)
    settings = surroundings.settings
    check_port(HOST, port)
    with exposed_metrics(settings), _engine(settings):  # a port in use is told before all else
        surroundings.keep()
        first = min(households, FIRST)
        with application(settings, batch=True) as built:
            _create_tables(built)
            customers, shown = _prepared(built, first, days_of(households))
        os.environ |= surroundings.environment()  # where the server's process finds its settings
        page = f"http://{HOST}:{port}/console"
        work = Beside(
            port=port,
            loaded=first,
            households=households,
            visitors=customers[:VISITORS] if visitors else [],
            page=page if opens and settings.console else None,
        )
        say(f"[5/5] serving on http://{HOST}:{port} (Ctrl-C stops everything)")
        _suggest(surroundings, customers[0], shown)
        _say_what_comes(work)
        say(
            f"Console: {page}"
            if settings.console
            else "The console is not installed: pip install 'propensity[console]'"
        )
        with beside(work):
            run_server(settings)


@contextmanager
def _engine(settings: Settings) -> Iterator[None]:
    """The engine runs; it is stopped in the end, unless it ran before."""
    engine = composition.engine(settings)
    say(f"[1/5] embedded DynamoDB on http://{HOST}:{engine.port}, its data in {engine.folder}")
    ours = engine.pid is None  # known before the start, which Ctrl-C may end at any moment
    try:
        ours = engine.start()
        yield
    finally:
        if ours:
            say("stopping the engine, saving its data")
            engine.stop()


def _create_tables(built: Application) -> None:
    """The tables are there.

    Raises:
        Rejected: an older version made them; names the way out.
    """
    try:
        built.tables.create()
    except TablesDiffer as exc:
        raise Rejected(
            "demo",
            f"has data of another version in {built.settings.home}: remove that folder, and start "
            f"again ({exc})",
        ) from exc


def _prepared(
    built: Application, households: int, days: int
) -> tuple[Sequence[str], Mapping[bool, str]]:
    """Customers with purchases, versions and a campaign; and one who sees the banner, one who does not."""
    say("[2/5] purchases")
    loaded = load(built, households, days=days)
    say("[3/5] train, and check on the last 30 days, which are held out")
    Versions(built).promote()
    say("[4/5] a campaign of the past, and what came of it")
    freeze_and_measure(built, loaded.newest_at)
    return loaded.customers, asyncio.run(_one_of_each(built, loaded.customers))


async def _one_of_each(built: Application, customers: Sequence[str]) -> Mapping[bool, str]:
    """A customer to whom the banner is shown, and one to whom it is not, if there are any."""
    built.live.start()
    flags = composition.flags_of(built.settings)
    if BANNER not in flags:
        return {}
    decide = DecideFlags(predict=built.predict, flags=flags, deadline_s=PATIENCE_S)
    found: dict[bool, str] = {}
    for customer in customers:
        (decision,) = await decide(customer, [flags[BANNER]])
        found.setdefault(decision.value is True, customer)
        if len(found) > 1:
            break
    return found


def _say_what_comes(work: Beside) -> None:
    if work.households > work.loaded:
        say(
            f"{work.loaded:,} households are there; {work.households - work.loaded:,} more come "
            "while you look, and audiences grow with them"
        )
    if work.visitors:
        say("Simulated visitors keep it alive; their purchases are named visitor-...")


def _suggest(surroundings: Surroundings, customer: str, shown: Mapping[bool, str]) -> None:
    settings = surroundings.settings
    address = f"http://{HOST}:{settings.port}"
    if settings.demo_shop:
        for shows, visitor in sorted(shown.items(), reverse=True):
            verb = "shows" if shows else "hides"
            say(f"A shop that {verb} the banner: {address}/demo-shop?customer={visitor}")
    say(
        "Try, in another terminal:\n"
        f"  {surroundings.told_by}\n"
        f"  curl -s '{address}/v1/customers/{customer}/propensity'\n"
        f"  .venv/bin/propensity predict {customer} --json\n"
        f"  .venv/bin/propensity predict {customer} --explain\n"
        f"  curl -s '{address}/v1/categories/grocery/propensities?limit=3'\n"
        f"  .venv/bin/propensity doctor\n"
        f"API documentation: {address}/docs"
    )
