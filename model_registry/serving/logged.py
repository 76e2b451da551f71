"""Versions that answered once, whichever serve now, each loaded when it is first asked for."""

from domain.decision_log import Scored
from domain.errors import PropensityError, Unavailable
from domain.prediction import Arm, ServedModel
from model_registry.errors import UnknownVersion
from model_registry.registry import Registry
from model_registry.serving.live import load_version

_Key = tuple[str, int, int, Arm]


class LoggedVersions:
    """The versions that logged decisions name; why one cannot be loaded is remembered too."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[_Key, ServedModel | PropensityError] = {}

    def __call__(self, scored: Scored) -> ServedModel:
        """The version, to the byte what was activated in the revision that answered.

        Raises:
            UnknownModel, UnknownVersion, UnknownRevision: it is gone.
            GateFailed: it does not pass a gate here and now, or was changed since.
            CorruptRegistry: it is damaged.
            StoreUnavailable: the store did not answer.
        """
        key = (scored.model, scored.revision, scored.version, scored.arm)
        if key not in self._found:
            try:
                self._found[key] = self._load(*key)
            except Unavailable:
                raise
            except PropensityError as exc:
                self._found[key] = exc
        found = self._found[key]
        if isinstance(found, PropensityError):
            raise found
        return found

    def _load(self, name: str, number: int, version: int, arm: Arm) -> ServedModel:
        revision = self._registry.log(name).at(number)
        if version not in revision.state.manifests:
            raise UnknownVersion(f"revision {number} of model {name!r} has no version {version}")
        return load_version(self._registry, name, revision, version, arm)
