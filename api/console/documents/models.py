"""Versions of a model side by side, which of them answer, and who decided that, when and why."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from api.documents.models import GateSeen
from domain.errors import CorruptRecord, NotFound
from domain.values import BUCKETS
from model_registry.evaluation import quality_of
from model_registry.registry import Registry
from model_registry.revisions import Revision, State
from model_registry.versions import Manifest


class Figure(Struct, frozen=True, kw_only=True):
    """A metric, and between which values it lies with 95 % confidence, where that is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def half(self) -> float | None:
        """Half of the interval, as after ±."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @classmethod
    def of(cls, manifest: Manifest, metric: str) -> "Figure | None":
        """A version's metric; None: it has none of that name."""
        value = manifest.metrics.get(metric)
        if value is None:
            return None
        low, high = manifest.intervals.get(metric, (None, None))
        return cls(value=value, low=low, high=high)


class VersionLine(Struct, frozen=True, kw_only=True):
    """One version. `trouble` says why it cannot be read; then there is nothing else but its number.

    `serves_as` is champion, challenger, shadow, or null. `share` of 1 of the customers is answered
    by it. `created_at` in microseconds since the epoch, UTC.
    """

    version: int
    serves_as: str | None = None
    share: float = 0.0
    features: list[str] = []
    auc: Figure | None = None
    log_loss: Figure | None = None
    ece: Annotated[Figure | None, Meta(description="Expected calibration error.")] = None
    quality: str = ""
    held_out: int | None = None
    created_at: int | None = None
    created_by: str = ""
    trouble: str = ""


class ModelLine(Struct, frozen=True, kw_only=True):
    """One model and its versions, the newest first. `since` in microseconds since the epoch, UTC.

    `trouble` says what of its log cannot be read.
    """

    name: str
    targeted: Annotated[bool | None, Meta(description="Whether it says who buys in a category.")]
    horizon_days: int | None
    champion: int | None
    challenger: int | None
    share: float
    since: int | None
    versions: list[VersionLine]
    trouble: str = ""


class ModelsPage(Struct, frozen=True, kw_only=True):
    """Every model."""

    models: list[ModelLine]


class Change(Struct, frozen=True, kw_only=True):
    """One revision. `at` in microseconds since the epoch, UTC, by the writer's clock.

    `answers_alike` says that customers are answered as in the current one.
    """

    revision: int
    at: int
    action: str
    state: str
    actor: str
    reason: str
    forced: bool
    answers_alike: bool
    gates: list[GateSeen]


def models_page(registry: Registry) -> ModelsPage:
    """Every model with its versions.

    Raises:
        StoreUnavailable: the registry could not be read.
    """
    return ModelsPage(models=[model_line(registry, name) for name in registry.stored_models()])


def model_line(registry: Registry, name: str) -> ModelLine:
    """One model with its versions; what is damaged is said to be so.

    Raises:
        UnknownModel: there is none.
        StoreUnavailable: the registry could not be read.
    """
    trouble, current = "", None
    try:
        current = registry.current(name)
    except CorruptRecord as exc:
        trouble = str(exc)
    manifests = {number: _manifest(registry, name, number) for number in _numbers(registry, name)}
    state = None if current is None else current.state
    readable = [each for each in manifests.values() if isinstance(each, Manifest)]
    newest = readable[-1] if readable else None
    return ModelLine(
        name=name,
        targeted=None if newest is None else newest.targeted,
        horizon_days=None if newest is None else newest.horizon_days,
        champion=None if state is None else state.champion,
        challenger=None if state is None else state.challenger,
        share=0.0 if state is None else state.basis_points / BUCKETS,
        since=None if current is None else current.at,
        versions=[_line(number, manifests[number], state) for number in reversed(manifests)],
        trouble=trouble,
    )


def changes(history: Sequence[Revision]) -> list[Change]:
    """The history of a model, the newest revision first."""
    return [_change(each, history[-1]) for each in reversed(history)]


def since(history: Sequence[Revision], state: State) -> Mapping[int, int]:
    """Since when each version that answers does so to the same customers, microseconds, UTC."""
    found: dict[int, int] = {}
    for version in state.aliases.values():
        for revision in reversed(history):
            if _answered_by(revision.state, version) != _answered_by(state, version):
                break
            found[version] = revision.at
    return found


def _answered_by(state: State, version: int) -> int:
    """How many of 10,000 customers the version answers."""
    if version == state.champion:
        return BUCKETS - (0 if state.challenger is None else state.basis_points)
    return state.basis_points if version == state.challenger else 0


def state_words(state: State) -> str:
    """Who answers whom, in a line."""
    text = f"version {state.champion} answers"
    if state.challenger is not None:
        text += f", version {state.challenger} {100 * state.basis_points / BUCKETS:g} %"
    if state.shadows:
        text += f"; in the shadow: {', '.join(map(str, state.shadows))}"
    return text


def _numbers(registry: Registry, name: str) -> Sequence[int]:
    return registry.stored_versions(name) or (
        () if registry.log(name).numbers() else registry.versions(name)
    )


def _manifest(registry: Registry, name: str, number: int) -> Manifest | str:
    """The manifest of a version, or why it cannot be read."""
    try:
        return registry.version(name, number)
    except (NotFound, CorruptRecord) as exc:
        return str(exc)


def _line(number: int, manifest: Manifest | str, state: State | None) -> VersionLine:
    if isinstance(manifest, str):
        return VersionLine(version=number, serves_as=_serves_as(number, state)[0], trouble=manifest)
    serves_as, share = _serves_as(number, state)
    held_out = manifest.metrics.get("held_out_customers")
    return VersionLine(
        version=number,
        serves_as=serves_as,
        share=share,
        features=list(manifest.features.names),
        auc=Figure.of(manifest, "auc"),
        log_loss=Figure.of(manifest, "log_loss"),
        ece=Figure.of(manifest, "ece"),
        quality=quality_of(manifest.metrics),
        held_out=None if held_out is None else int(held_out),
        created_at=manifest.created_at,
        created_by=manifest.created_by,
    )


def _serves_as(number: int, state: State | None) -> tuple[str | None, float]:
    if state is None:
        return None, 0.0
    share = state.basis_points / BUCKETS
    if number == state.champion:
        return "champion", 1.0 - share
    if number == state.challenger:
        return "challenger", share
    return ("shadow" if number in state.shadows else None), 0.0


def _change(revision: Revision, current: Revision) -> Change:
    return Change(
        revision=revision.number,
        at=revision.at,
        action=str(revision.action),
        state=state_words(revision.state),
        actor=revision.actor,
        reason=revision.reason,
        forced=revision.forced,
        answers_alike=revision.state.answering == current.state.answering,
        gates=[GateSeen.of(result) for result in revision.gates],
    )
