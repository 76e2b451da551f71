"""The command that trains a model and registers it as a version."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from msgspec import to_builtins

from api.cli.models import actor, describe
from api.cli.output import AsJson, emit, progress_bar, say
from api.composition import Application, application
from api.documents.models import VersionReport
from api.process import PREFIX, Settings, load_settings
from domain.errors import Rejected, TrainingRefused
from domain.features import FeatureSet, Histories
from domain.training import TrainingSet, training_set
from domain.values import MICROS_PER_DAY, Reach, Window, render
from model_registry.versions import Manifest

LIFETIME, WITHIN_CATEGORY = "lifetime", "within_category"


class Target(StrEnum):
    """What a model says of a customer: that they buy anything, or within a category."""

    ANYTHING = "anything"
    CATEGORY = "category"


def train(  # noqa: PLR0913  # one per option
    *,
    target: Annotated[
        Target, typer.Option(help="Who buys anything, or who buys in the category asked about?")
    ] = Target.ANYTHING,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:NAME]",
            help="What to learn from; `propensity features show` lists the sets.",
            show_default="lifetime, or within_category",
        ),
    ] = None,
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
            feature_set=chosen_features(built, target, features),
            horizon_days=horizon_days,
            cut_offs=cut_offs,
            customers=customers,
        )
    emit(to_builtins(VersionReport.of(manifest)), as_json=as_json, text=describe(manifest))
    say(
        f"serve it: propensity models promote {manifest.name} {manifest.version} --reason 'first try'"
    )


def chosen_features(built: Application, target: Target, features: str | None) -> FeatureSet:
    """The feature set that was asked for, or the one for that target.

    Raises:
        Rejected: there is none of that name, or it is for the other target.
    """
    usual = WITHIN_CATEGORY if target is Target.CATEGORY else LIFETIME
    found = built.feature_set(features or usual)
    if found.targeted != (target is Target.CATEGORY):
        meant = Target.CATEGORY if found.targeted else Target.ANYTHING
        raise Rejected(
            "--target", f'{features} is for --target {meant}; such features say category = "target"'
        )
    return found


def run_training(
    built: Application, *, feature_set: FeatureSet, horizon_days: int, cut_offs: int, customers: int
) -> Manifest:
    """The new version, trained on what the tables hold now and checked on the held-out period.

    Raises:
        TrainingRefused: the stored purchases do not allow an honest model.
    """
    _say_how_audiences_read(feature_set, built.settings)
    _check_retention(built.settings, feature_set.reach, horizon_days=horizon_days)
    examples = training_set(
        _collect(built, customers),
        features=feature_set,
        horizon_us=horizon_days * MICROS_PER_DAY,
        most_cut_offs=cut_offs,
    )
    _say_what_is_not_kept(
        examples, cut_offs, built.settings.retention.purchases.taken_after(built.clock())
    )
    say(
        f"learning from {len(examples.training):,} rows at {len(examples.cut_offs.training)} dates, "
        f"{examples.training.buyers:,} of them buyers; held out: {len(examples.held_out):,} "
        f"customers of the last {horizon_days} days"
    )
    candidate = built.train(examples)
    return built.registry.register(built.settings.model, candidate, actor=actor())


def _say_how_audiences_read(features: FeatureSet, settings: Settings) -> None:
    longest = features.reach.window
    if longest > Window.days(settings.recent_days):
        say(
            f"these features look back {longest}, but only {settings.recent_days} days of purchases "
            "are kept ready per customer: an audience will read customers one by one, slower and "
            f"dearer; PROPENSITY_RECENT_DAYS avoids that once it has covered {longest} for {longest}"
        )


def _check_retention(settings: Settings, reach: Reach, *, horizon_days: int) -> None:
    """Returns when purchases are kept for long enough to train at all."""
    kept = settings.purchase_retention_days
    if kept is not None and reach.ever:
        raise TrainingRefused(
            f"{PREFIX}PURCHASE_RETENTION_DAYS",
            f"keeps {kept} days, but these features look at all purchases ever; unset it, or train "
            "on features of windows, such as --features rfm_90d",
        )
    need = -(-reach.window.length_us // MICROS_PER_DAY) + 2 * horizon_days
    if kept is not None and kept < need:
        raise TrainingRefused(
            f"{PREFIX}PURCHASE_RETENTION_DAYS",
            f"keeps {kept} days, training needs {need}: one window, one horizon to learn from and "
            "one to be tested on; raise it, or lower --horizon-days",
        )


def _say_what_is_not_kept(examples: TrainingSet, cut_offs: int, since: int) -> None:
    """What the retention of purchases, which are kept since that instant, keeps from training."""
    if since < 0:
        return
    say(
        f"purchases before {render(since)} have expired; "
        "customers who bought only before then are left out of training"
    )
    found, window = examples.cut_offs, examples.features.reach.window
    back_to = window.after(found.held_out - cut_offs * found.horizon_us)
    if back_to < since:
        say(
            f"{cut_offs} dates would reach back to {render(back_to)}: learning from "
            f"{len(found.training)}, whose windows are whole"
        )


def _collect(built: Application, customers: int) -> Histories:
    with progress_bar() as bar:
        task = bar.add_task("reading customers", total=None)

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return asyncio.run(
            built.collect_histories(most_customers=customers, on_progress=on_progress)
        )
