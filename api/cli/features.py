"""Commands about feature sets: what a model may learn from, and what that implies."""

from collections.abc import Iterator
from typing import Annotated

import typer

from api import composition
from api.cli.output import AsJson, emit, table
from api.process import PREFIX, Settings, load_settings
from domain.features import DeclaredSet, FeatureSet
from domain.values import Currency, Window

app = typer.Typer(
    help="Feature sets: what a model learns from.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("show")
def show(
    chosen: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE[:NAME]]", help="One set.", show_default="all built-in"),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the built-in feature sets, or the features of one set and what reading them costs."""
    settings = load_settings()
    if chosen is None:
        declared = list(composition.built_in_sets().values())
        rows = [(each.name, len(each.features), each.description) for each in declared]
        text = table("name", "features", "what it tells", rows=rows)
        emit([_document(each, settings) for each in declared], as_json=as_json, text=text)
        return
    found = composition.feature_set_of(chosen)
    emit(_document(found, settings), as_json=as_json, text="\n".join(_lines(found, settings)))


@app.command("check")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file such as features.toml.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check a file of feature sets; an error says in which line, and why."""
    settings = load_settings()
    declared = list(composition.read_feature_sets(file).values())
    names = ", ".join(f"{each.name} ({len(each.features)})" for each in declared)
    emit(
        [_document(each, settings) for each in declared],
        as_json=as_json,
        text=f"{file}: {len(declared)} feature sets, each with so many features: {names}",
    )


def implied(features: FeatureSet, settings: Settings) -> Iterator[str]:
    """What reading these features needs, a sentence each."""
    reach = features.reach
    if reach.window <= Window.days(settings.recent_days):
        yield (
            f"reads {reach}: one item per customer has it, at a read unit per 4 KB; a purchase costs "
            "no more to write"
        )
    else:
        yield (
            f"reads {reach}, but only {settings.recent_days} days of purchases are kept ready: customers "
            f"are read by time, one query each; {PREFIX}RECENT_DAYS keeps up to 90"
        )
    if reach.ever:
        yield (
            "looks at all purchases ever: the item of a customer who stopped buying stays, and "
            f"{PREFIX}PURCHASE_RETENTION_DAYS must be unset"
        )
    if features.targeted:
        yield "asks for a category: --target category learns who buys in it"


def _document(declared: DeclaredSet, settings: Settings) -> dict[str, object]:
    features = declared.in_currency(Currency.of(settings.currency))
    return {
        "name": declared.name,
        "description": declared.description,
        "target": "category" if features.targeted else "anything",
        "reads": str(features.reach),
        "implies": list(implied(features, settings)),
        "features": [{"name": each.name, "meaning": each.meaning} for each in features.features],
    }


def _lines(declared: DeclaredSet, settings: Settings) -> Iterator[str]:
    features = declared.in_currency(Currency.of(settings.currency))
    yield f"{declared.name}: {declared.description}"
    yield from (f"  {each.name}: {each.meaning}" for each in features.features)
    yield from implied(features, settings)
