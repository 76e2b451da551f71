"""The command that shows everything at once, on real purchases and nothing but this machine."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from secrets import token_hex
from typing import Annotated

import typer
from msgspec.structs import replace

from api import composition
from api.cli.actor import actor
from api.cli.import_run import refusals_path, run_import
from api.cli.models import describe
from api.cli.output import say
from api.cli.serving import check_port, run_server
from api.cli.training import SINGLE, collect, run_training
from api.composition import Application, application, check_metrics_port, exposed_metrics
from api.process import PREFIX, Settings, load_settings
from domain.decisions import BANNER
from domain.features import Histories
from domain.prediction import DecideFlags
from domain.purchases import Conventions, ImportPurchases, Outcome
from model_registry.versions import Manifest

HOST = "127.0.0.1"
PATIENCE_S = 60.0


def demo(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to serve on.")] = 8000,
    households: Annotated[
        int, typer.Option(min=100, help="How many households of the sample to load.")
    ] = 300,
) -> None:
    """Start the engine, load real purchases, train, promote and serve. Ctrl-C stops it all."""
    settings = _with_audience_model(load_settings())
    check_port(HOST, port)
    check_metrics_port(settings)  # now, and not once everything is loaded
    engine = composition.engine(settings)
    say(f"[1/5] embedded DynamoDB on http://{HOST}:{engine.port}, its data in {engine.folder}")
    ours = engine.pid is None  # known before the start, which Ctrl-C may end at any moment
    try:
        ours = engine.start()
        with application(settings, batch=True) as built:
            built.tables.create()
            customers = _load(built.import_purchases, settings, households)
            _train_and_promote(built)
            settings = _with_flags(settings)
            shown = asyncio.run(_one_of_each(built, settings, customers))
        say(f"[5/5] serving on http://{HOST}:{port} (Ctrl-C stops everything)")
        _suggest(port, customers[0])
        _suggest_shop(settings, port, shown)
        with exposed_metrics(settings):
            run_server(replace(settings, host=HOST, port=port))
    finally:
        if ours:
            say("stopping the engine, saving its data")
            engine.stop()


def _with_audience_model(settings: Settings) -> Settings:
    """The settings with audiences scored by the second model, unless they say by which."""
    if settings.audience_model or len(settings.served_models) == 1:
        return settings
    name = settings.served_models[1]
    os.environ[f"{PREFIX}AUDIENCE_MODEL"] = name
    return replace(settings, audience_model=name)


def _with_flags(settings: Settings) -> Settings:
    """The settings with flags of the demo's own, in a file that people may change."""
    if settings.decisions:
        return settings
    path = settings.home / "decisions.toml"
    if not path.exists():
        path.write_text((files("api.cli") / "demo_flags.toml").read_text())
    os.environ[f"{PREFIX}DECISIONS"] = str(path)
    return replace(settings, decisions=str(path))


async def _one_of_each(
    built: Application, settings: Settings, customers: Sequence[str]
) -> Mapping[bool, str]:
    """A customer to whom the banner is shown, and one to whom it is not, if there are any."""
    built.live.start()
    flags = composition.flags_of(settings)
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


def _load(import_purchases: ImportPurchases, settings: Settings, households: int) -> Sequence[str]:
    """The customers of the sample, once their purchases are recorded."""
    sample = composition.sample_purchases(settings, households)
    say(f"[2/5] {sample.total:,} real purchases of {households:,} households")
    refusals = refusals_path(settings, "complete-journey")
    counts, _ = run_import(
        import_purchases, sample, refusals, conventions=Conventions(default_currency=True)
    )
    say("      " + ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in Outcome))
    return list(dict.fromkeys(str((row.raw or {})["customer_id"]) for row in sample.rows()))


def _train_and_promote(built: Application) -> None:
    """The banner's model: the single feature first, then the whole life, which serves.

    And the audiences' model, which says who buys within a category.
    """
    say("[3/5] train, and check on the last 30 days, which are held out")
    first, *others = built.settings.served_models
    histories = cache(partial(collect, built, 100_000, None))  # nobody buys in between
    _trained(built, first, SINGLE, histories)
    champions = {first: _trained(built, first, "lifetime", histories)}
    if others:
        champions[others[0]] = _trained(built, others[0], "within_category", histories)
    for name, manifest in champions.items():
        revision = built.registry.promote(
            name, manifest.version, actor=actor(), reason="propensity demo"
        )
        say(
            f"[4/5] version {manifest.version} of {name} is the champion (revision {revision.number})"
        )


def _trained(
    built: Application, model: str, features: str, histories: Callable[[], Histories]
) -> Manifest:
    manifest = run_training(
        built,
        candidates={features: built.feature_set(features)},
        histories=histories,
        model=model,
        horizon_days=30,
        cut_offs=6,
    )
    say(describe(manifest))
    return manifest


def _suggest_shop(settings: Settings, port: int, shown: Mapping[bool, str]) -> None:
    """The demo's shop is served, unless tokens are checked with keys of the shop's own."""
    if settings.customer_token_keys:
        return
    if settings.customer_token_secret is None:
        os.environ[f"{PREFIX}CUSTOMER_TOKEN_SECRET"] = token_hex(32)
    os.environ[f"{PREFIX}DEMO_SHOP"] = "true"
    for shows, customer in sorted(shown.items(), reverse=True):
        verb = "shows" if shows else "hides"
        say(f"A shop that {verb} the banner: http://{HOST}:{port}/demo-shop?customer={customer}")


def _suggest(port: int, customer: str) -> None:
    say(
        "Try, in another terminal:\n"
        f"  curl -s 'http://{HOST}:{port}/v1/customers/{customer}/propensity'\n"
        f"  .venv/bin/propensity predict {customer} --json\n"
        f"  .venv/bin/propensity predict {customer} --explain\n"
        f"  curl -s 'http://{HOST}:{port}/v1/categories/grocery/propensities?limit=3'\n"
        f"  .venv/bin/propensity doctor\n"
        f"API documentation: http://{HOST}:{port}/docs"
    )
