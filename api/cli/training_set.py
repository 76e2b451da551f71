"""The command that writes a training set for data scientists."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import AsJson, emit, say
from api.cli.training import (
    AskedTarget,
    FromExport,
    HorizonDays,
    MostCustomers,
    MostCutOffs,
    Target,
    candidates_for,
    check_retention,
    collect,
)
from api.composition import application
from api.process import load_settings
from domain.training import training_set
from domain.values import MICROS_PER_DAY

USUAL = {Target.ANYTHING: "lifetime", Target.CATEGORY: "within_category"}


def write_training_set(  # noqa: PLR0913  # one per option
    *,
    output: Annotated[Path, typer.Option(help="The Parquet file.")],
    target: AskedTarget = Target.ANYTHING,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:NAME]",
            help="The features.",
            show_default="lifetime, or within_category",
        ),
    ] = None,
    horizon_days: HorizonDays = 30,
    cut_offs: MostCutOffs = 6,
    customers: MostCustomers = 100_000,
    export: FromExport = None,
    as_json: AsJson = False,
) -> None:
    """Write the training set to a Parquet file: every row with its features and label.

    Columns: customer_id, cut_off, category, each feature, label, split. The features are to the last
    bit what a prediction as of the cut-off sees.
    """
    with application(load_settings(), batch=True) as built:
        (found,) = candidates_for(built, target, features or USUAL[target]).values()
        check_retention(built.settings, found.reach, horizon_days=horizon_days)
        histories = collect(built, customers, export)
        examples = training_set(
            histories,
            features=found,
            horizon_us=horizon_days * MICROS_PER_DAY,
            most_cut_offs=cut_offs,
        )
        rows = built.write_training_set(output, examples, histories.customer_ids)
    document = {"file": str(output), "rows": rows, "features": list(examples.features.names)}
    emit(document, as_json=as_json, text=f"{output}: {rows:,} rows, {len(found.names)} features")
    say(f"fit a model on it, then: propensity models package MODEL --training-set {output} ...")
