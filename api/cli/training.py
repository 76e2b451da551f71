"""The command that trains a model and registers it as a version."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from msgspec import to_builtins

from api import composition
from api.cli.actor import actor
from api.cli.features import implied
from api.cli.models import describe
from api.cli.output import AsJson, emit, progress_bar, say
from api.composition import Application, application
from api.documents.models import VersionReport
from api.process import PREFIX, Settings, load_settings
from domain.errors import Rejected, TrainingRefused
from domain.features import FeatureSet, Histories
from domain.training import FeatureTrial, TrainingSet, training_set
from domain.values import MICROS_PER_DAY, Reach, Window, render
from model_registry.evaluation import quality_of
from model_registry.versions import Manifest

SINGLE = "total_purchase_volume_30d"
"""The feature set that every other one is compared with."""


class Target(StrEnum):
    """What a model says of a customer: that they buy anything, or within a category."""

    ANYTHING = "anything"
    CATEGORY = "category"


HorizonDays = Annotated[
    int, typer.Option(min=1, max=365, help="Will the customer buy within so many days?")
]
MostCutOffs = Annotated[
    int, typer.Option(min=1, max=60, help="How many past dates to learn from at most.")
]
MostCustomers = Annotated[
    int, typer.Option(min=1, help="A fair sample of so many customers at most.")
]
FromExport = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|s3://...",
        help="Read DynamoDB's export to S3, full and incremental, instead of the tables.",
        show_default=False,
    ),
]
AskedTarget = Annotated[
    Target, typer.Option(help="Who buys anything, or who buys in the category asked about?")
]


def train(  # noqa: PLR0913  # one per option
    *,
    target: AskedTarget = Target.ANYTHING,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:NAME]",
            help="What to learn from; `propensity features show` lists the sets.",
            show_default="the set that does best in cross-validation",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model's name.", show_default=f"of {PREFIX}MODELS, by what it says"),
    ] = None,
    horizon_days: HorizonDays = 30,
    cut_offs: MostCutOffs = 6,
    customers: MostCustomers = 100_000,
    export: FromExport = None,
    as_json: AsJson = False,
) -> None:
    """Train on the stored purchases, check on the held-out last period, register a version."""
    settings = load_settings()
    with application(settings, batch=True) as built:
        name = model or usual_model(settings, target)
        built.registry.check_target(name, targeted=target is Target.CATEGORY)
        manifest = run_training(
            built,
            candidates=candidates_for(built, target, features),
            histories=partial(collect, built, customers, export),
            model=name,
            horizon_days=horizon_days,
            cut_offs=cut_offs,
        )
    emit(to_builtins(VersionReport.of(manifest)), as_json=as_json, text=describe(manifest))
    say(
        f"serve it: propensity models promote {manifest.name} {manifest.version} --reason 'first try'"
    )


def usual_model(settings: Settings, target: Target) -> str:
    """The model that is trained if none is named: the first, or for categories that of audiences."""
    first, *others = settings.served_models
    if target is Target.ANYTHING:
        return first
    return settings.audience_model or (others[0] if others else first)


def candidates_for(
    built: Application, target: Target, features: str | None
) -> Mapping[str, FeatureSet]:
    """The feature sets to choose from, by name: the one asked for, or those that fit.

    Raises:
        Rejected: there is none of that name, or it is for the other target.
    """
    targeted = target is Target.CATEGORY
    if features is None:
        return {
            name: found
            for name, found in built.feature_sets_to_try().items()
            if found.targeted == targeted and _is_kept(built.settings, found.reach)
        }
    found = built.feature_set(features)
    if found.targeted != targeted:
        meant = Target.CATEGORY if found.targeted else Target.ANYTHING
        raise Rejected(
            "--target",
            f"{features} is for --target {meant}: features of the target category say "
            'category = "target"',
        )
    return {features: found}


def run_training(  # noqa: PLR0913  # one per option
    built: Application,
    *,
    candidates: Mapping[str, FeatureSet],
    histories: Callable[[], Histories],
    model: str,
    horizon_days: int,
    cut_offs: int,
) -> Manifest:
    """The new version, trained on those histories and checked on the held-out period.

    They are asked for once training is known to be possible.

    Raises:
        TrainingRefused: the stored purchases do not allow an honest model.
    """
    check_retention(built.settings, _reach_of(candidates), horizon_days=horizon_days)
    if len(candidates) == 1:
        _say_what_is_implied(next(iter(candidates.values())), built.settings)
    collected = histories()
    horizon_us = horizon_days * MICROS_PER_DAY
    sets, window = _sets_of(collected, candidates, horizon_us=horizon_us, cut_offs=cut_offs)
    examples = next(iter(sets.values()))
    _say_what_is_not_kept(
        examples, cut_offs, built.settings.retention.purchases.taken_after(built.clock())
    )
    rows = "rows" if examples.features.targeted else "customers"
    say(
        f"learning from {len(examples.training):,} rows at {len(examples.cut_offs.training)} dates, "
        f"{examples.training.buyers:,} of them buyers; held out: {len(examples.held_out):,} "
        f"{rows} of the last {horizon_days} days"
    )
    selection = built.select_features(sets)
    if len(sets) > 1:
        say("log loss in cross-validation: " + _in_order(selection.trials))
        _say_what_is_implied(selection.training_set.features, built.settings)
    _say_whether_enough(selection.training_set)
    single = built.feature_set(SINGLE)
    baseline = None
    if not selection.training_set.features.targeted and selection.training_set.features != single:
        baseline = training_set(
            collected, features=single, horizon_us=horizon_us, most_cut_offs=cut_offs, window=window
        )
    candidate = built.train(selection, model=model, baseline=baseline)
    manifest = built.registry.register(model, candidate, actor=actor())
    say(
        f"quality: {quality_of(manifest.metrics)}; propensity models card {model} {manifest.version}"
    )
    return manifest


def _sets_of(
    histories: Histories, candidates: Mapping[str, FeatureSet], *, horizon_us: int, cut_offs: int
) -> tuple[Mapping[str, TrainingSet], Window]:
    """The training set of each candidate, on the same rows, and the window before the oldest date.

    Where the purchases span too little time for the longest windows, the sets with those are left out.

    Raises:
        TrainingRefused: they span too little time for any of them, or say too little.
    """
    window = _reach_of(candidates).window
    try:
        return {
            name: training_set(
                histories,
                features=features,
                horizon_us=horizon_us,
                most_cut_offs=cut_offs,
                window=window,
            )
            for name, features in candidates.items()
        }, window
    except TrainingRefused as exc:
        shorter = {n: each for n, each in candidates.items() if each.reach.window < window}
        if not shorter:
            raise
        left_out = ", ".join(candidates.keys() - shorter.keys())
        say(f"without {left_out}: {exc}")
        return _sets_of(histories, shorter, horizon_us=horizon_us, cut_offs=cut_offs)


def _reach_of(candidates: Mapping[str, FeatureSet]) -> Reach:
    if not candidates:
        raise TrainingRefused(
            f"{PREFIX}PURCHASE_RETENTION_DAYS", "keeps too few days for every built-in feature set"
        )
    first, *others = (features.reach for features in candidates.values())
    for other in others:
        first |= other
    return first


def _in_order(trials: Sequence[FeatureTrial]) -> str:
    best: dict[str, float] = {}
    for trial in trials:
        best[trial.name] = min(trial.log_loss, best.get(trial.name, trial.log_loss))
    return ", ".join(
        f"{name} {loss:.4f}" for name, loss in sorted(best.items(), key=lambda b: b[1])
    )


def _say_what_is_implied(features: FeatureSet, settings: Settings) -> None:
    say("\n".join(implied(features, settings)))


def _say_whether_enough(examples: TrainingSet) -> None:
    """The rule of thumb, before the model is trusted: ten of either class per coefficient."""
    buyers = examples.training.buyers
    others = len(examples.training) - buyers
    enough = "enough data" if min(buyers, others) >= examples.needed else "FEW DATA, trust it less"
    say(
        f"{enough}: {buyers:,} rows bought and {others:,} did not; {len(examples.features.names)} "
        f"features need {examples.needed:,} of each"
    )


def _is_kept(settings: Settings, reach: Reach) -> bool:
    """Whether purchases are kept for as long as features look back."""
    kept = settings.purchase_retention_days
    return kept is None or not (reach.ever or reach.window > Window.days(kept))


def check_retention(settings: Settings, reach: Reach, *, horizon_days: int) -> None:
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


def collect(built: Application, customers: int, export: str | None) -> Histories:
    """The histories of a fair sample of the customers, with a progress bar.

    They come from the tables, or from an `export`, which consumes no read unit of theirs.
    """
    with progress_bar() as bar:
        task = bar.add_task("reading customers" if export is None else "reading items", total=None)

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if export is not None:
            exported = composition.exported_purchases(built.settings, export)
            return exported.histories(most_customers=customers, on_progress=on_progress)
        built.tables.verify()
        return asyncio.run(
            built.collect_histories(most_customers=customers, on_progress=on_progress)
        )
