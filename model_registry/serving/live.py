"""Live: the versions that serve in this process, taken by each request as one snapshot."""

from collections.abc import Callable, Iterator, Sequence

from domain.errors import NoLiveModel, PropensityError, Unavailable
from domain.prediction import Arm, LinearFacts, ServedModel, Traffic
from model_registry.errors import CorruptRegistry
from model_registry.registry import Registry
from model_registry.revisions import Action, Revision, RevisionLog
from model_registry.versions import Manifest


def load(
    registry: Registry, name: str, revision: Revision, problems: list[str] | None = None
) -> Traffic:
    """A revision's versions, ready to serve; each passed every gate here and now.

    A shadow that did not is left out, and told in `problems`: it answers nobody.

    Raises:
        UnknownModel, UnknownVersion: a version that answers is gone.
        GateFailed: one that answers may not serve.
        CorruptRegistry: one that answers is damaged.
        StoreUnavailable: the store did not answer.
    """
    state = revision.state
    champion, *challenger = [
        load_version(registry, name, revision, version, Arm(alias))
        for alias, version in state.aliases.items()
    ]
    shadows: list[ServedModel] = []
    for version in state.shadows:
        try:
            shadows.append(load_version(registry, name, revision, version, Arm.CHAMPION))
        except Unavailable:
            raise
        except PropensityError as exc:
            if problems is not None:
                problems.append(f"revision {revision.number}, shadow {version} is left out: {exc}")
    return Traffic(
        champion=champion,
        challenger=challenger[0] if challenger else None,
        basis_points=state.basis_points,
        shadows=tuple(shadows),
    )


def load_version(
    registry: Registry, name: str, revision: Revision, version: int, arm: Arm
) -> ServedModel:
    """One of a revision's versions, ready to score, whether it serves now or not.

    Raises:
        UnknownModel, UnknownVersion: it is gone.
        GateFailed: it does not pass a gate here and now.
        CorruptRegistry: it is damaged.
        StoreUnavailable: the store did not answer.
    """
    return _served(
        registry, registry.manifest_of(name, revision.state, version), revision.number, arm
    )


def load_aside(registry: Registry, name: str, version: int) -> ServedModel:
    """A version ready to score as it would if it answered; its revision is 0: it was not asked for.

    Raises:
        UnknownModel, UnknownVersion: there is none.
        GateFailed: it does not pass a gate here and now.
        CorruptRegistry: it is damaged.
        StoreUnavailable: the store did not answer.
    """
    return _served(registry, registry.version(name, version), 0, Arm.CHAMPION)


def _served(registry: Registry, manifest: Manifest, revision: int, arm: Arm) -> ServedModel:
    loaded = registry.gates(manifest, registry.blob)
    return ServedModel(
        name=manifest.name,
        version=manifest.version,
        revision=revision,
        horizon_days=manifest.horizon_days,
        features=loaded.features,
        scorer=loaded.scorer,
        arm=arm,
        held_out=loaded.held_out,
        reference=loaded.reference,
        facts=_linear_facts(manifest),
    )


def _linear_facts(manifest: Manifest) -> LinearFacts | None:
    """What the version says of its coefficients; None: nothing that can be read."""
    facts = manifest.facts
    try:
        return LinearFacts(
            coefficients=dict(facts["coefficients"]),
            averages=dict(facts["feature_means"]),
            intercept=float(facts["intercept"]),
            base_rate=float(facts["training_base_rate"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


class LiveModel:
    """What this process serves of one model; a refused version never replaces a checked one.

    `failed` is told of each failure to load something, whenever it is tried; it never raises.
    """

    def __init__(
        self, registry: Registry, name: str, *, failed: Callable[[], object] = lambda: None
    ) -> None:
        self._registry = registry
        self._name = name
        self._failed = failed
        self._served: Traffic | None = None
        self._made_at: int | None = None
        self._newest = 0
        self._problems: tuple[str, ...] = ()
        self._left_out: tuple[str, ...] = ()
        self._tried = 0

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def problems(self) -> Sequence[str]:
        """What could not be loaded when last tried, newest revision first; empty when all is well."""
        return self._problems

    @property
    def made_at(self) -> int | None:
        """When the revision that serves was made, microseconds since the epoch, UTC; None: none does."""
        return self._made_at

    @property
    def newest(self) -> int:
        """The newest revision that the registry held when last looked at; 0: none, or not known."""
        return self._newest

    def start(self) -> None:
        """Serves the newest revision whose champion passes every gate, if there is one.

        What stands in the way of a newer one is in `problems`. A version that a rollback left is
        never gone back to. A store that does not answer is no reason to go back either: then
        nothing changes, and start may be called again. Blocks; call it in a thread, in the
        process that will serve.
        """
        problems: list[str] = []
        try:
            served = self._newest_that_loads(problems)
        except Unavailable as exc:
            self._fail(problems, str(exc))
            served = None
        self._problems = tuple(problems)
        if served is not None:
            self._serve(*served)

    def refresh(self, *, retry: bool = True) -> None:
        """Serves the newest revision, if there is a newer one than what serves now.

        Two small reads where there is none: the second finds out whether the revision that serves is
        still there. What cannot be loaded is in `problems`, and what
        served goes on serving. Unless it is to `retry`, the very revision that could not be loaded
        before is not tried again. Blocks, as start does.
        """
        served = self._served
        log = self._registry.log(self._name)
        try:
            if served is not None and not log.has(served.revision + 1):
                self._problems = (*self._gone_back(log, served.revision), *self._left_out)
                return
            self._newest = newest = max(log.numbers(), default=0)
            if newest == self._tried and self._problems and not retry:
                return
            self._tried = newest
            if served is None:
                self.start()
                return
            left_out: list[str] = []
            revision = log.at(newest)
            loaded = load(self._registry, self._name, revision, left_out)
        except PropensityError as exc:
            self._failed()
            current = (
                "nothing serves" if served is None else f"still serving revision {served.revision}"
            )
            self._problems = (f"{current}: {exc}",)
            return
        self._leave_out(left_out)
        self._problems = self._left_out
        self._serve(loaded, revision)

    def _gone_back(self, log: RevisionLog, serves: int) -> Iterator[str]:
        """That the registry no longer holds what serves, as after a restore or a wrong folder."""
        if not log.has(serves):
            newest = max(log.numbers(), default=None)
            self._newest = newest or 0
            holds = "no revision at all" if newest is None else f"revision {newest} as its newest"
            yield (
                f"still serving revision {serves}, but the registry holds {holds}: restore it, or "
                "restart the processes to follow it"
            )

    def snapshot(self) -> Traffic:
        """The versions that serve now; a request takes it once and keeps it.

        Raises:
            NoLiveModel: there is none; says why and which command helps.
        """
        served = self._served
        if served is None:
            raise NoLiveModel(self._why_none())
        return served

    def _serve(self, traffic: Traffic, revision: Revision) -> None:
        self._served, self._made_at = traffic, revision.at

    def _fail(self, problems: list[str], problem: str) -> None:
        problems.append(problem)
        self._failed()

    def _leave_out(self, shadows: Sequence[str]) -> None:
        self._left_out = tuple(shadows)
        for _ in shadows:
            self._failed()

    def _newest_that_loads(self, problems: list[str]) -> tuple[Traffic, Revision] | None:
        for revision in self._revisions(problems):
            left_out: list[str] = []
            try:
                served = load(self._registry, self._name, revision, left_out)
            except Unavailable:
                raise
            except PropensityError as exc:
                self._fail(
                    problems,
                    f"revision {revision.number}, version {revision.state.champion}: {exc}",
                )
            else:
                self._leave_out(left_out)
                problems += left_out
                return served, revision
        return None

    def _revisions(self, problems: list[str]) -> Iterator[Revision]:
        """Of each way to answer the newest sound revision, newest first, but for those left by a rollback."""
        log = self._registry.log(self._name)
        tried: set[object] = set()
        rolled_back = False
        numbers = log.numbers()
        self._newest = max(numbers, default=0)
        for number in reversed(numbers):
            try:
                revision = log.at(number)
            except CorruptRegistry as exc:
                self._fail(problems, f"revision {number}: {exc}")
                continue
            if rolled_back:
                tried.add(revision.state.answering)
            rolled_back = revision.action is Action.ROLLBACK
            if revision.state.answering not in tried:
                tried.add(revision.state.answering)
                yield revision

    def _why_none(self) -> str:
        promote = f"`propensity models promote {self._name} VERSION --reason WHY`"
        if not self._problems:
            return (
                f"no version of model {self._name!r} is promoted; train one with "
                f"`propensity train`, or promote one with {promote}"
            )
        return (
            f"no promoted version of model {self._name!r} could be loaded "
            f"({'; '.join(self._problems)}); train a new one with `propensity train`, "
            f"or promote another with {promote}"
        )
