"""Registry: immutable versions, and a log of which one is desired; nothing is overwritten."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from domain.errors import InvalidRequest, NotFound
from domain.ports import Clock
from model_registry import layout
from model_registry.admission import Admission
from model_registry.candidate import Candidate
from model_registry.draft import Draft
from model_registry.errors import (
    CorruptRegistry,
    GateFailed,
    RevisionConflict,
    UnknownModel,
    UnknownObject,
    UnknownRevision,
    UnknownVersion,
)
from model_registry.gates import LoadGates
from model_registry.manifest import Blob, Manifest
from model_registry.ports import ObjectStore
from model_registry.revision import CHAMPION, Action, Change, GateResult, Revision, State
from model_registry.revision_log import RevisionLog

_ATTEMPTS = 1_000
"""Lost races in a row before giving up; each one lost is another writer's success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Models, their versions and their revisions in one object store.

    Any number of processes may write at once. Every method may raise StoreUnavailable, and
    InvalidRequest where a model name is none.
    """

    store: ObjectStore
    clock: Clock
    gates: LoadGates
    admission: Admission = field(default_factory=lambda: Admission(seconds=time.perf_counter))

    def register(self, name: str, candidate: Candidate, *, actor: str) -> Manifest:
        """The new version, stored under the next free number; it does not serve yet.

        The manifest is written last: what a crash leaves behind is not a version.

        Raises:
            InvalidRequest: the actor is missing, or the candidate cannot be stored as it is.
            CorruptRegistry: a blob is stored already, but damaged.
        """
        layout.check_name(name)
        _check_said(actor=actor)
        draft = Draft.of(name, candidate, created_at=self.clock(), created_by=actor)
        for role, content in draft.blobs.items():
            self._store_blob(draft.manifest.blobs[role], content)
        newest = max(self.stored_versions(name), default=0)
        numbered = (replace(draft.manifest, version=number) for number in count(newest + 1))
        return next(manifest for manifest in numbered if self._store_manifest(manifest))

    def models(self) -> Sequence[str]:
        """The names that have a version, ascending."""
        names = map(layout.model_of, self.store.keys(layout.MODELS))
        return sorted({name for name in names if name is not None})

    def versions(self, name: str) -> Sequence[int]:
        """The numbers of a model's versions, ascending.

        Raises:
            UnknownModel: it has none.
        """
        layout.check_name(name)
        numbers = self.stored_versions(name)
        if not numbers:
            raise UnknownModel(f"no version of model {name!r} was ever registered")
        return numbers

    def version(self, name: str, number: int) -> Manifest:
        """The manifest of one version.

        Raises:
            UnknownModel: the model has no versions at all.
            UnknownVersion: it has none with this number.
            CorruptRegistry: the manifest is damaged; names the field.
        """
        layout.check_name(name)
        key = layout.manifest_key(name, number)
        try:
            manifest = Manifest.decode(key, self.store.get(key))
        except UnknownObject as exc:
            newest = self.versions(name)[-1]
            raise UnknownVersion(
                f"model {name!r} has no version {number}, the newest is {newest}"
            ) from exc
        if (manifest.name, manifest.version) != (name, number):
            raise CorruptRegistry(
                key, f"fields 'name' and 'version' say {manifest.name!r} {manifest.version}"
            )
        return manifest

    def champion_of(self, name: str, revision: Revision) -> Manifest:
        """The manifest of a revision's champion, to the byte what was promoted then.

        Raises:
            UnknownModel, UnknownVersion: the version is gone.
            GateFailed: the manifest was changed since.
            CorruptRegistry: the manifest is damaged; names the field.
        """
        manifest = self.version(name, revision.state.champion)
        if manifest.sha256 != revision.state.champion_sha256:
            raise GateFailed(
                "integrity",
                f"the manifest of version {manifest.version} was changed since its promotion; "
                f"restore {layout.manifest_key(name, manifest.version)}, or promote another version",
            )
        return manifest

    def blob(self, blob: Blob, /) -> bytes:
        """The bytes stored for a blob, not yet checked.

        Raises:
            UnknownObject: there are none.
        """
        return self.store.get(layout.blob_key(blob.sha256))

    def promote(  # noqa: PLR0913  # what is promoted, by whom, why, and under which conditions
        self,
        name: str,
        version: int,
        *,
        actor: str,
        reason: str,
        expected_revision: int | None = None,
        force: bool = False,
    ) -> Revision:
        """The new revision, whose champion is `version`; it passed every gate here.

        With `expected_revision` (0: none yet) nothing changes unless that one is current;
        without, whoever promotes last wins, and both revisions are in the log. `force` overrules
        the gates of quality and latency, no others; the revision holds what every gate saw.

        Raises:
            InvalidRequest: the actor or the reason is missing.
            UnknownModel, UnknownVersion: there is no such version.
            GateFailed: the version may not serve.
            RevisionConflict: another revision is current.
            CorruptRegistry: the version or the current revision is damaged.
        """
        _check_said(actor=actor, reason=reason)
        manifest = self.version(name, version)
        results = self._admit(manifest, force=force)

        def with_champion(current: Revision | None) -> State:
            before = current.state if current else State({}, {})
            return State(
                {**before.aliases, CHAMPION: version},
                {**before.manifests, CHAMPION: manifest.sha256},
            )

        change = Change(Action.PROMOTE, actor, reason, with_champion, results)
        return self._append(self.log(name), change, expected_revision)

    def rollback(
        self, name: str, *, actor: str, reason: str, to_revision: int | None = None
    ) -> Revision:
        """The new revision, with the state of an earlier one, which passes every load gate now.

        Without `to_revision` it is the newest one that had another champion than the current
        one has; so a second rollback undoes the first.

        Raises:
            InvalidRequest: the actor or the reason is missing.
            UnknownRevision: there is no such revision, or none to go back to.
            GateFailed: the version to go back to may not serve any more.
            RevisionConflict: without `to_revision`, another revision came in between.
            CorruptRegistry: the log or the version is damaged.
        """
        _check_said(actor=actor, reason=reason)
        log = self.log(name)
        current = log.newest()
        if current is None:
            raise UnknownRevision(f"no version of model {name!r} was ever promoted")
        target = _before(log, current) if to_revision is None else log.at(to_revision)
        loaded = self.gates(self.champion_of(name, target), self.blob)
        change = Change(Action.ROLLBACK, actor, reason, lambda _: target.state, loaded.results)
        return self._append(log, change, current.number if to_revision is None else None)

    def history(self, name: str) -> Sequence[Revision]:
        """Every revision of a model, newest last, the whole log checked.

        Raises:
            UnknownModel: the model has neither revisions nor versions.
            CorruptRegistry: a revision is damaged or missing, or a hash does not fit.
        """
        revisions = self.log(name).all()
        if not revisions:
            self.versions(name)
        return revisions

    def current(self, name: str) -> Revision | None:
        """The revision that is desired now; None before the first promotion.

        Raises:
            CorruptRegistry: it is damaged, or does not follow from the one before it.
        """
        return self.log(name).newest()

    def log(self, name: str) -> RevisionLog:
        """The revision log of one model."""
        layout.check_name(name)
        return RevisionLog(self.store, name)

    def stored_versions(self, name: str) -> Sequence[int]:
        """The numbers of a model's versions, ascending; none, if it has none."""
        return layout.numbers(self.store.keys(layout.versions_prefix(name)))

    def _admit(self, manifest: Manifest, *, force: bool) -> tuple[GateResult, ...]:
        loaded = self.gates(manifest, self.blob)
        judged = self.admission(
            manifest, loaded.scorer, loaded.golden, self._compared_with(manifest.name)
        )
        failed = next((result for result in judged if not result.passed), None)
        if failed is not None and not force:
            raise GateFailed(
                failed.gate,
                f"version {manifest.version}: {failed.detail}; train a better one, or overrule "
                "this gate with --force, which the history keeps",
            )
        return (*loaded.results, *judged)

    def _compared_with(self, name: str) -> Manifest | None:
        """The champion's manifest; None where there is none, or none that can be read any more."""
        current = self.current(name)
        if current is None:
            return None
        try:
            return self.version(name, current.state.champion)
        except (NotFound, CorruptRegistry):
            return None

    def _store_blob(self, blob: Blob, content: bytes) -> None:
        key = layout.blob_key(blob.sha256)
        if not self.store.put_if_absent(key, content) and self.store.get(key) != content:
            raise CorruptRegistry(key, "is not what its name says; remove it, then register again")

    def _store_manifest(self, manifest: Manifest) -> bool:
        key = layout.manifest_key(manifest.name, manifest.version)
        return self.store.put_if_absent(key, manifest.encode())

    def _append(self, log: RevisionLog, change: Change, expected: int | None) -> Revision:
        for _ in range(_ATTEMPTS):
            current = log.newest()
            number = 0 if current is None else current.number
            if expected is not None and expected != number:
                raise RevisionConflict(
                    f"revision {number} of model {log.name!r} is current, not {expected}; "
                    "look at the history, then decide again"
                )
            revision = change.after(current, at=self.clock())
            if log.append(revision):
                return revision
        raise RevisionConflict(f"lost {_ATTEMPTS} races in a row for model {log.name!r}")


def _before(log: RevisionLog, current: Revision) -> Revision:
    for number in range(current.number - 1, 0, -1):
        revision = log.at(number)
        if revision.state.champion != current.state.champion:
            return revision
    raise UnknownRevision(
        f"model {log.name!r} never had another champion than version {current.state.champion}"
    )


def _check_said(**said: str) -> None:
    for name, text in said.items():
        if not text.strip():
            raise InvalidRequest(name, "must say something, so that the history can be read")
