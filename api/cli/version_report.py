"""The command that writes the report of a version: one HTML file with pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.comparison import Name, number_of
from api.cli.output import say
from api.composition import open_pictures, open_registry
from api.process import load_settings
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.pictures.versions import JudgedVersion
    from model_registry.registry import Registry


def report(
    name: Name,
    version: Annotated[str, typer.Argument(help="A version's number, or champion or challenger.")],
    *,
    output: Annotated[Path, typer.Option(help="The HTML file that is written.")],
    beside: Annotated[
        str | None,
        typer.Option(help="Another version to compare with.", show_default="the champion"),
    ] = None,
) -> None:
    """Write a report for people: pictures, tables, what changed. One file, which works offline."""
    from api.report import model_report
    from model_registry.evaluation import compare

    registry = open_registry(load_settings())
    shown = _judged(registry, name, number_of(registry, name, version))
    other = _beside(registry, shown, beside)
    comparison = None if other is None else compare(other.manifest, shown.manifest, registry.blob)
    draws = open_pictures()
    try:
        page = model_report(shown, draws, beside=other, comparison=comparison)
    finally:
        draws.close()
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as exc:
        raise Rejected("--output", f"cannot be written: {exc.strerror}") from exc
    say(f"wrote {output}; open it in a browser")


def _beside(
    registry: "Registry", shown: "JudgedVersion", which: str | None
) -> "JudgedVersion | None":
    """The version that is asked for, or the champion; nothing, where that is the same one."""
    name = shown.manifest.name
    if which is not None:
        number: int | None = number_of(registry, name, which)
    else:
        champion = registry.champion(name)
        number = None if champion is None else champion.version
    if number is None or number == shown.manifest.version:
        return None
    return _judged(registry, name, number)


def _judged(registry: "Registry", name: str, number: int) -> "JudgedVersion":
    from api.pictures.versions import JudgedVersion
    from model_registry.evaluation import held_out_of

    manifest = registry.version(name, number)
    return JudgedVersion(manifest, held_out_of(manifest, registry.blob))
