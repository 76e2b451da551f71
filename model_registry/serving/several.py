"""Several models at once: each is live for itself, and a request names the one it asks."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from domain.errors import InvalidRequest
from domain.prediction import Traffic
from model_registry.registry import Registry
from model_registry.serving.live import LiveModel


class LiveModels:
    """The models that this process serves, by name; the first one answers who names none.

    `failed` is told the name of a model whenever something of it could not be loaded.

    Raises:
        ValueError: there are none.
    """

    def __init__(
        self,
        registry: Registry,
        names: Sequence[str],
        *,
        failed: Callable[[str], object] = lambda _: None,
    ) -> None:
        if not names:
            raise ValueError("a process serves one model at least")
        self._by_name = {
            name: LiveModel(registry, name, failed=partial(failed, name)) for name in names
        }
        self._first = names[0]

    @property
    def by_name(self) -> Mapping[str, LiveModel]:
        """Each model."""
        return self._by_name

    def start(self) -> None:
        """The newest loadable revision of each serves; blocks."""
        for live in self._by_name.values():
            live.start()

    @property
    def problems(self) -> Sequence[str]:
        """What could not be loaded when last tried."""
        return [problem for live in self._by_name.values() for problem in live.problems]

    def snapshot(self, name: str | None = None) -> Traffic:
        """The versions of a model that serve now; a request takes it once and keeps it.

        Raises:
            InvalidRequest: the model does not serve here.
            NoLiveModel: no version of it does.
        """
        live = self._by_name.get(name or self._first)
        if live is None:
            served = ", ".join(self._by_name)
            raise InvalidRequest("model", f"{name!r:.80} does not serve here; {served} do")
        return live.snapshot()
