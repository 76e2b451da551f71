"""What a version promised when it was trained, as far as it is known."""

from collections.abc import Mapping

from domain.errors import Conflict, CorruptRecord, NotFound
from model_registry.evaluation import Promised, held_out_of, promised_by
from model_registry.registry import Registry


def promise_of(registry: Registry, name: str, version: int) -> Mapping[str, Promised]:
    """What is known of it; a version that is gone promises nothing any more."""
    try:
        manifest = registry.version(name, version)
    except (NotFound, CorruptRecord):
        return {}
    try:
        held_out = held_out_of(manifest, registry.blob)
    except (Conflict, CorruptRecord):
        held_out = None
    return promised_by(manifest, held_out)
