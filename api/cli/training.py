"""The command that trains a model and registers it as a version."""

import asyncio
from typing import Annotated, Literal

import typer
from msgspec import to_builtins

from api.bootstrap import Application, application
from api.cli.models import actor, describe
from api.cli.output import AsJson, emit, progress_bar, say
from api.model_schemas import VersionReport
from api.settings import Settings, load_settings
from domain.features import FEATURE_SETS, FeatureSet
from domain.history import Histories
from domain.instant import MICROS_PER_DAY
from domain.training_set import training_set
from domain.window import Window
from model_registry.manifest import Manifest

FeatureSetName = Literal["total_purchase_volume_30d", "rfm_90d"]


def train(
    *,
    features: Annotated[
        FeatureSetName, typer.Option(help="What to learn from: one feature, or nine.")
    ] = "total_purchase_volume_30d",
    horizon_days: Annotated[
        int, typer.Option(min=1, max=365, help="Will the customer buy within so many days?")
    ] = 30,
    cut_offs: Annotated[
        int, typer.Option(min=1, max=60, help="How many past dates to learn from at most.")
    ] = 6,
    customers: Annotated[
        int, typer.Option(min=1, help="A fair sample of so many customers at most.")
    ] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Train on the stored purchases, check on the held-out last period, register a version."""
    settings = load_settings()
    with application(settings, batch=True) as built:
        built.tables.verify()
        manifest = run_training(
            built,
            features=features,
            horizon_days=horizon_days,
            cut_offs=cut_offs,
            customers=customers,
        )
    emit(to_builtins(VersionReport.of(manifest)), as_json=as_json, text=describe(manifest))
    say(
        f"serve it: propensity models promote {manifest.name} {manifest.version} --reason 'first try'"
    )


def run_training(
    built: Application,
    *,
    features: FeatureSetName,
    horizon_days: int,
    cut_offs: int,
    customers: int,
) -> Manifest:
    """The new version, trained on what the tables hold now and checked on the held-out period.

    Raises:
        TrainingRefused: the stored purchases do not allow an honest model.
    """
    feature_set = FEATURE_SETS[features](built.currency)
    _say_how_audiences_read(feature_set, built.settings)
    examples = training_set(
        _collect(built, customers),
        features=feature_set,
        horizon_us=horizon_days * MICROS_PER_DAY,
        most_cut_offs=cut_offs,
    )
    say(
        f"learning from {len(examples.training):,} rows at {len(examples.cut_offs.training)} dates, "
        f"{examples.training.buyers:,} of them buyers; held out: {len(examples.held_out):,} "
        f"customers of the last {horizon_days} days"
    )
    candidate = built.train(examples)
    return built.registry.register(built.settings.model, candidate, actor=actor())


def _say_how_audiences_read(features: FeatureSet, settings: Settings) -> None:
    longest = features.longest_window
    if longest > Window.days(settings.recent_days):
        say(
            f"these features look back {longest}, but only {settings.recent_days} days of purchases "
            "are kept ready per customer: an audience will read customers one by one, slower and "
            f"dearer; PROPENSITY_RECENT_DAYS avoids that once it has covered {longest} for {longest}"
        )


def _collect(built: Application, customers: int) -> Histories:
    with progress_bar() as bar:
        task = bar.add_task("reading customers", total=None)

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return asyncio.run(
            built.collect_histories(most_customers=customers, on_progress=on_progress)
        )
