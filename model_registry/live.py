"""Live: the version that serves in this process, taken by each request as one snapshot."""

from collections.abc import Iterator, Sequence

from domain.errors import NoLiveModel, PropensityError, Unavailable
from domain.propensity import ServedModel
from model_registry.errors import CorruptRegistry
from model_registry.registry import Registry
from model_registry.revision import Action, Revision


def load(registry: Registry, name: str, revision: Revision) -> ServedModel:
    """The champion of a revision, ready to serve; it passed every gate here and now.

    Raises:
        UnknownModel, UnknownVersion: the version is gone.
        GateFailed: the version may not serve.
        CorruptRegistry: the version is damaged.
        StoreUnavailable: the store did not answer.
    """
    manifest = registry.champion_of(name, revision)
    loaded = registry.gates(manifest, registry.blob)
    return ServedModel(
        name=name,
        version=manifest.version,
        revision=revision.number,
        horizon_days=manifest.horizon_days,
        features=loaded.features,
        scorer=loaded.scorer,
    )


class LiveModel:
    """What this process serves of one model; a refused version never replaces a checked one."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry = registry
        self._name = name
        self._served: ServedModel | None = None
        self._problems: tuple[str, ...] = ()
        self._tried = 0

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def problems(self) -> Sequence[str]:
        """What could not be loaded when last tried, newest revision first; empty when all is well."""
        return self._problems

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
            problems.append(str(exc))
            served = None
        self._problems = tuple(problems)
        if served is not None:
            self._served = served

    def refresh(self, *, retry: bool = True) -> None:
        """Serves the newest revision, if there is a newer one than what serves now.

        One small read where there is none. What cannot be loaded is in `problems`, and what
        served goes on serving. Unless it is to `retry`, the very revision that could not be loaded
        before is not tried again. Blocks, as start does.
        """
        served = self._served
        log = self._registry.log(self._name)
        try:
            if served is not None and not log.has(served.revision + 1):
                self._problems = ()
                return
            newest = max(log.numbers(), default=0)
            if newest == self._tried and self._problems and not retry:
                return
            self._tried = newest
            if served is None:
                self.start()
                return
            loaded = load(self._registry, self._name, log.at(newest))
        except PropensityError as exc:
            current = "nothing" if served is None else f"revision {served.revision}"
            self._problems = (f"{current} serves, for: {exc}",)
            return
        self._served, self._problems = loaded, ()

    def snapshot(self) -> ServedModel:
        """The version that serves now; a request takes it once and keeps it.

        Raises:
            NoLiveModel: there is none; says why and which command helps.
        """
        served = self._served
        if served is None:
            raise NoLiveModel(self._why_none())
        return served

    def _newest_that_loads(self, problems: list[str]) -> ServedModel | None:
        for revision in self._revisions(problems):
            try:
                return load(self._registry, self._name, revision)
            except Unavailable:
                raise
            except PropensityError as exc:
                problems.append(
                    f"revision {revision.number}, version {revision.state.champion}: {exc}"
                )
        return None

    def _revisions(self, problems: list[str]) -> Iterator[Revision]:
        """Each champion's newest sound revision, newest first, but for those rolled back from."""
        log = self._registry.log(self._name)
        tried: set[int] = set()
        rolled_back = False
        for number in reversed(log.numbers()):
            try:
                revision = log.at(number)
            except CorruptRegistry as exc:
                problems.append(f"revision {number}: {exc}")
                continue
            if rolled_back:
                tried.add(revision.state.champion)
            rolled_back = revision.action is Action.ROLLBACK
            if revision.state.champion not in tried:
                tried.add(revision.state.champion)
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
