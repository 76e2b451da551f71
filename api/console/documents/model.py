"""The page of one model: its versions, two of them side by side, and its history."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from api.console.documents.comparing import Curves, FeatureLine, curves, feature_lines
from api.console.documents.models import Change, ModelLine, changes, model_line, since, state_words
from domain.errors import CorruptRecord, NotFound
from model_registry.errors import UnknownVersion
from model_registry.registry import Registry
from model_registry.revisions import Revision
from model_registry.versions import Manifest


class BackTo(Struct, frozen=True, kw_only=True):
    """Where a roll back leads: the newest revision in which customers were answered otherwise."""

    revision: int
    champion: int
    state: str


class ModelPage(Struct, frozen=True, kw_only=True):
    """One model. `version` is looked at, `beside` another one; null: there is none.

    `revision` is the newest; 0: none. `since` says since when each version answers, microseconds
    since the epoch, UTC. `history_trouble` says why there is no history.
    """

    model: ModelLine
    revision: int
    since: dict[int, int]
    version: int | None
    beside: int | None
    curves: Annotated[list[Curves], Meta(description="Of `version`, then of `beside`.")]
    features: list[FeatureLine]
    history: list[Change]
    back_to: BackTo | None
    history_trouble: str = ""

    @property
    def serves_as(self) -> str | None:
        """As what the version that is looked at serves."""
        return next((v.serves_as for v in self.model.versions if v.version == self.version), None)


def model_page(registry: Registry, name: str, version: int | None, beside: int | None) -> ModelPage:
    """One model; without a choice, the newest that could become champion beside the champion.

    Raises:
        UnknownModel, UnknownVersion: there is none.
        StoreUnavailable: the registry could not be read.
    """
    line = model_line(registry, name)
    history, trouble = _history(registry, name)
    version, beside = _chosen(line, version, beside)
    chosen, other = _readable(registry, name, version), _readable(registry, name, beside)
    return ModelPage(
        model=line,
        revision=history[-1].number if history else 0,
        since=dict(since(history, history[-1].state)) if history else {},
        version=version,
        beside=beside,
        curves=[curves(registry, each) for each in (chosen, other) if each is not None],
        features=[] if chosen is None else feature_lines(chosen, other),
        history=changes(history) if history else [],
        back_to=_back_to(history),
        history_trouble=trouble,
    )


def _history(registry: Registry, name: str) -> tuple[Sequence[Revision], str]:
    try:
        return registry.log(name).all(), ""
    except CorruptRecord as exc:
        return [], str(exc)


def _chosen(
    line: ModelLine, version: int | None, beside: int | None
) -> tuple[int | None, int | None]:
    """The two versions that are looked at, each in the list."""
    numbers = [each.version for each in line.versions if not each.trouble]
    for number in (version, beside):
        if number is not None and number not in {each.version for each in line.versions}:
            raise UnknownVersion(f"model {line.name!r} has no version {number}")
    if version is None:
        version = line.challenger or next(
            (each for each in numbers if each > (line.champion or 0)), line.champion
        )
        version = version or next(iter(numbers), None)
    if beside is None:
        others = [line.champion, *numbers]
        beside = next((each for each in others if each is not None and each != version), None)
    return version, None if beside == version else beside


def _readable(registry: Registry, name: str, version: int | None) -> Manifest | None:
    try:
        return None if version is None else registry.version(name, version)
    except (NotFound, CorruptRecord):
        return None  # the line of the version says why


def _back_to(history: Sequence[Revision]) -> BackTo | None:
    for revision in reversed(history):
        if revision.state.answering != history[-1].state.answering:
            return BackTo(
                revision=revision.number,
                champion=revision.state.champion,
                state=state_words(revision.state),
            )
    return None
