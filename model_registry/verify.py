"""Verify: everything that is damaged in a model's registry, found without stopping at the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.errors import NotFound
from model_registry.errors import CorruptRegistry, GateFailed, UnknownRevision
from model_registry.gates import check_integrity
from model_registry.registry import Registry
from model_registry.revisions import Revision
from model_registry.storage import blob_key, manifest_key, revision_key
from model_registry.versions import GOLDEN, GoldenVectors, Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with the object stored, or missing, under `key`, and the way out."""

    key: str
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at, and everything found wrong with it; nothing found is sound."""

    versions: int
    revisions: int
    findings: Sequence[Finding]


def verify(registry: Registry, name: str) -> Verification:
    """Reads every revision, manifest and blob of a model, and compares all that should agree.

    Whether a version may serve in this process is not asked: that is what gates are for.

    Raises:
        UnknownModel: the model has neither revisions nor versions.
        StoreUnavailable: not everything could be read.
    """
    numbers = registry.log(name).numbers()
    versions = registry.versions(name) if not numbers else registry.stored_versions(name)
    findings: list[Finding] = []
    manifests = {v: m for v in versions if (m := _manifest(registry, name, v, findings))}
    for manifest in manifests.values():
        findings += _of_blobs(registry, manifest)
    revisions = [
        _revision(registry, name, n, findings) for n in range(1, max(numbers, default=0) + 1)
    ]
    findings += _of_chain(name, revisions)
    findings += _of_versions(name, versions, revisions)
    findings += _of_states(registry, name, revisions, manifests)
    return Verification(versions=len(versions), revisions=len(numbers), findings=findings)


def _manifest(
    registry: Registry, name: str, version: int, findings: list[Finding]
) -> Manifest | None:
    try:
        return registry.version(name, version)
    except CorruptRegistry as exc:
        findings.append(Finding(key=exc.key, trouble=f"{exc.reason}; restore it from a backup"))
        return None


def _of_blobs(registry: Registry, manifest: Manifest) -> Iterator[Finding]:
    for role, blob in manifest.blobs.items():
        key = blob_key(blob.sha256)
        try:
            content = check_integrity({role: blob}, registry.blob)[role]
            if role == GOLDEN:
                GoldenVectors.decode(key, content)
        except GateFailed as exc:
            yield Finding(key=key, trouble=f"of version {manifest.version}: {exc.reason}")
        except CorruptRegistry as exc:
            yield Finding(key=key, trouble=f"of version {manifest.version}: {exc.reason}")


def _revision(
    registry: Registry, name: str, number: int, findings: list[Finding]
) -> Revision | None:
    try:
        return registry.log(name).unchecked(number)
    except UnknownRevision:
        trouble = "is missing: the log has a gap; restore it from a backup"
        findings.append(Finding(key=revision_key(name, number), trouble=trouble))
    except CorruptRegistry as exc:
        findings.append(Finding(key=exc.key, trouble=f"{exc.reason}; restore it from a backup"))
    return None


def _of_chain(name: str, revisions: Sequence[Revision | None]) -> Iterator[Finding]:
    for previous, revision in pairwise([None, *revisions]):
        if revision is None or (previous is None and revision.number > 1):
            continue  # what is missing or damaged was found already
        expected = None if previous is None else previous.sha256
        if revision.previous_sha256 != expected:
            yield Finding(
                key=revision_key(name, revision.number),
                trouble=f"field 'previous_sha256' is {revision.previous_sha256}, the revision "
                f"before it has {expected}: one of the two was changed; restore both",
            )


def _of_versions(
    name: str, stored: Sequence[int], revisions: Sequence[Revision | None]
) -> Iterator[Finding]:
    """Manifests that are missing: a revision names them, or they leave a gap."""
    named: dict[int, int] = {}
    for revision in filter(None, revisions):
        for version in revision.state.versions:
            named.setdefault(version, revision.number)
    for version in sorted(set(range(1, max([*stored, *named], default=0))) | named.keys()):
        if version not in stored:
            why = (
                f"and revision {named[version]} names it"
                if version in named
                else "and later versions are not"
            )
            trouble = f"is missing, {why}; restore it from a backup"
            yield Finding(key=manifest_key(name, version), trouble=trouble)


def _of_states(
    registry: Registry,
    name: str,
    revisions: Sequence[Revision | None],
    manifests: Mapping[int, Manifest],
) -> Iterator[Finding]:
    """Manifests that are not what was activated, each once, by the first revision that tells."""
    changed: set[int] = set()
    for revision in filter(None, revisions):
        for version in manifests.keys() & set(revision.state.versions) - changed:
            try:
                registry.manifest_of(name, revision.state, version)
            except (GateFailed, NotFound) as exc:
                changed.add(version)
                trouble = f"revision {revision.number}: {exc}"
                yield Finding(key=manifest_key(name, version), trouble=trouble)
