"""Everything damaged in a registry is found, each with its place and the way out."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from model_registry.errors import UnknownModel
from model_registry.registry import Registry
from model_registry.verify import Finding, verify
from tests.builders import missing
from tests.registries import NAME, FragileStore, a_candidate, a_registry


@pytest.fixture
def store() -> FragileStore:
    return FragileStore()


@pytest.fixture
def registry(store: FragileStore) -> Registry:
    """Three versions and four revisions: 1, 2, 3, and back to 2."""
    registry = a_registry(store)
    for version in (1, 2, 3):
        registry.register(NAME, a_candidate(version / 10), actor="tests")
        registry.promote(NAME, version, actor="tests", reason="why")
    registry.rollback(NAME, actor="tests", reason="worse")
    return registry


def found(registry: Registry) -> list[Finding]:
    return list(verify(registry, NAME).findings)


def blob_of(version: int) -> str:
    return f"blobs/sha256/{hashlib.sha256(repr(version / 10).encode()).hexdigest()}"


def revision(number: int) -> str:
    return f"models/{NAME}/log/{number:08d}.json"


def manifest(version: int) -> str:
    return f"models/{NAME}/versions/{version:06d}.json"


def test_a_sound_registry_has_no_findings(registry: Registry) -> None:
    verification = verify(registry, NAME)
    assert (verification.versions, verification.revisions) == (3, 4)
    assert verification.findings == []


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


DAMAGE: dict[str, tuple[Callable[[FragileStore], None], str, list[object]]] = {
    "flipped byte in a blob": (
        lambda store: store.overwrite(blob_of(1), flipped(store.get(blob_of(1)))),
        blob_of(1),
        [1, "model", hashlib.sha256(flipped(b"0.1")).hexdigest()],
    ),
    "longer blob": (
        lambda store: store.overwrite(blob_of(1), b"0.1 "),
        blob_of(1),
        [1, "model", 4, 3],
    ),
    "missing blob": (lambda store: store.lose(blob_of(3)), blob_of(3), [3, "model"]),
    "truncated manifest": (
        lambda store: store.overwrite(manifest(3), store.get(manifest(3))[:-9]),
        manifest(3),
        ["JSON"],
    ),
    "gap in the log": (lambda store: store.lose(revision(2)), revision(2), []),
    "truncated revision": (lambda store: store.overwrite(revision(4), b"{"), revision(4), ["JSON"]),
}


@pytest.mark.parametrize(("damage", "key", "facts"), DAMAGE.values(), ids=DAMAGE)
def test_every_damage_is_found(
    registry: Registry,
    store: FragileStore,
    damage: Callable[[FragileStore], None],
    key: str,
    facts: list[object],
) -> None:
    damage(store)
    (finding,) = found(registry)
    assert finding.key == key
    assert finding.trouble
    assert not missing(finding.trouble, *facts)


def test_a_missing_manifest_is_found_by_the_revision_that_names_it(
    registry: Registry, store: FragileStore
) -> None:
    store.lose(manifest(1))
    (finding,) = found(registry)
    assert finding.key == manifest(1)
    assert not missing(finding.trouble, 1)


def test_a_missing_manifest_nobody_promoted_is_found_by_the_gap(
    registry: Registry, store: FragileStore
) -> None:
    for _ in range(2):
        registry.register(NAME, a_candidate(), actor="tests")
    store.lose(manifest(4))
    (finding,) = found(registry)
    assert finding.key == manifest(4)


def test_a_model_that_lost_every_version_is_still_looked_at(
    registry: Registry, store: FragileStore
) -> None:
    for version in (1, 2, 3):
        store.lose(manifest(version))
    assert (registry.models(), registry.stored_models()) == ([], [NAME])
    assert [finding.key for finding in found(registry)] == [manifest(v) for v in (1, 2, 3)]


def test_a_manifest_changed_since_its_promotion_is_found(
    registry: Registry, store: FragileStore
) -> None:
    changed = replace(registry.version(NAME, 3), horizon_days=90).encode()
    store.overwrite(manifest(3), changed)
    (finding,) = found(registry)
    assert finding.key == manifest(3)
    assert not missing(finding.trouble, 3, "integrity")


def test_a_wrong_previous_hash_is_found(registry: Registry, store: FragileStore) -> None:
    changed = replace(registry.history(NAME)[1], reason="another").encode()
    store.overwrite(revision(2), changed)
    (finding,) = found(registry)
    assert finding.key == revision(3)
    assert not missing(finding.trouble, hashlib.sha256(changed).hexdigest())


def test_nothing_found_hides_anything_else(registry: Registry, store: FragileStore) -> None:
    store.lose(blob_of(1))
    store.overwrite(manifest(3), b"{")
    store.lose(revision(1))
    store.overwrite(revision(4), b"[]")
    assert {finding.key for finding in found(registry)} == {
        blob_of(1),
        manifest(3),
        revision(1),
        revision(4),
    }


def test_a_model_that_never_was_is_unknown() -> None:
    with pytest.raises(UnknownModel):
        verify(a_registry(), NAME)
