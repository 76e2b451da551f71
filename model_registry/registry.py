"""Registry: immutable versions, and a log of which one is desired; nothing is overwritten."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from domain.drift import Reference
from domain.errors import CorruptRecord, InvalidRequest, NotFound
from domain.values import BUCKETS, Clock
from model_registry.errors import (
    CorruptRegistry,
    GateFailed,
    RevisionConflict,
    UnknownModel,
    UnknownObject,
    UnknownRevision,
    UnknownVersion,
)
from model_registry.gates import Admission, LoadGates, check_integrity
from model_registry.ports import ObjectStore
from model_registry.revisions import (
    Action,
    Change,
    GateResult,
    Judge,
    Revision,
    RevisionLog,
    State,
    without_judging,
)
from model_registry.storage import layout
from model_registry.versions import (
    CARD,
    CARD_HTML,
    REFERENCE,
    Blob,
    Candidate,
    Draft,
    Manifest,
    decode_reference,
)

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
            InvalidRequest: the actor is missing, the candidate cannot be stored as it is, or it says
                another thing of customers than the versions before it.
            CorruptRegistry: a blob is stored already, but damaged.
        """
        layout.check_name(name)
        _check_present(actor=actor)
        self.check_target(name, targeted=candidate.features.targeted)
        draft = Draft.of(name, candidate, created_at=self.clock(), created_by=actor)
        for role, content in draft.blobs.items():
            self._store_blob(draft.manifest.blobs[role], content)
        newest = max(self.stored_versions(name), default=0)
        numbered = (replace(draft.manifest, version=number) for number in count(newest + 1))
        return next(manifest for manifest in numbered if self._store_manifest(manifest))

    def check_target(self, name: str, *, targeted: bool) -> None:
        """Returns when a version that says who buys within a category, or anything, fits the model.

        All versions of a model say the same of a customer: so they can be compared, split and shadowed.

        Raises:
            InvalidRequest: the newest version that can be read says the other thing.
        """
        for number in reversed(self.stored_versions(name)):
            try:
                newest = self.version(name, number)
            except CorruptRegistry:
                continue
            if newest.targeted != targeted:
                says = ("who buys anything", "who buys within a category")
                raise InvalidRequest(
                    "model",
                    f"{name} says {says[newest.targeted]}, the new version {says[targeted]}; register "
                    "it under another name",
                )
            return

    def try_out(self, name: str, candidate: Candidate) -> None:
        """Returns when the candidate would load and score its golden vectors here; stores nothing.

        Raises:
            GateFailed: it would not; says which gate, and what it saw.
            InvalidRequest: the candidate cannot be stored as it is.
        """
        draft = Draft.of(name, candidate, created_at=self.clock(), created_by="nobody")
        contents = {blob.sha256: draft.blobs[role] for role, blob in draft.manifest.blobs.items()}
        self.gates(draft.manifest, lambda blob: contents[blob.sha256])

    def models(self) -> Sequence[str]:
        """The names that have a version, ascending."""
        return self._named("versions")

    def stored_models(self) -> Sequence[str]:
        """The names that have a version or a revision, ascending: also those whose versions are lost."""
        return self._named("versions", "log")

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

    def manifest_of(self, name: str, state: State, version: int) -> Manifest:
        """The manifest of one of a state's versions, to the byte what was activated then.

        Raises:
            UnknownModel, UnknownVersion: the version is gone.
            GateFailed: the manifest was changed since.
            CorruptRegistry: the manifest is damaged; names the field.
        """
        manifest = self.version(name, version)
        if manifest.sha256 != state.manifests[version]:
            raise GateFailed(
                "integrity",
                f"the manifest of version {version} was changed since its promotion; "
                f"restore {layout.manifest_key(name, version)}, or promote another version",
            )
        return manifest

    def blob(self, blob: Blob, /) -> bytes:
        """The bytes stored for a blob, not yet checked.

        Raises:
            UnknownObject: there are none.
        """
        return self.store.get(layout.blob_key(blob.sha256))

    def reference(self, manifest: Manifest) -> Reference | None:
        """How the inputs of a version were spread at training; None: it does not say.

        Raises:
            GateFailed: it was changed since.
            CorruptRegistry: it is damaged.
        """
        if REFERENCE not in manifest.blobs:
            return None
        blob = manifest.blobs[REFERENCE]
        content = check_integrity({REFERENCE: blob}, self.blob)[REFERENCE]
        return decode_reference(layout.blob_key(blob.sha256), content, manifest.features.names)

    def card(self, manifest: Manifest, *, html: bool) -> bytes:
        """What describes a version to people, as Markdown or as a page of HTML, in UTF-8.

        Raises:
            NotFound: the version came without.
            GateFailed: it was changed since.
        """
        role = CARD_HTML if html else CARD
        if role not in manifest.blobs:
            raise NotFound(f"version {manifest.version} of {manifest.name} has no card")
        return check_integrity({role: manifest.blobs[role]}, self.blob)[role]

    def findings(self, name: str, version: int) -> Sequence[GateResult]:
        """What each gate of a promotion sees of a version now; nothing changes.

        The first gate of loading that is not passed ends it: the others need a loaded version.

        Raises:
            UnknownModel, UnknownVersion: there is no such version.
            CorruptRegistry: the version or the current revision is damaged.
        """
        manifest = self.version(name, version)
        try:
            results, judge = self._admitted(manifest, force=True)
        except GateFailed as exc:
            return [GateResult(version=version, gate=exc.gate, passed=False, detail=exc.reason)]
        return [*results, *judge(self.current(name))]

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
        _check_present(actor=actor, reason=reason)
        manifest = self.version(name, version)
        gates, judge = self._admitted(manifest, force=force)
        manifests = {version: manifest.sha256}

        def with_champion(current: Revision | None) -> State:
            if current is None:
                return State(champion=version, manifests=manifests)
            before = current.state
            ended = {"challenger": None, "basis_points": 0}
            return before.changed(
                manifests,
                champion=version,
                shadows=_without(before.shadows, version),
                **(ended if before.challenger == version else {}),
            )

        change = Change(Action.PROMOTE, actor, reason, with_champion, gates, judge)
        return self._append(self.log(name), change, expected_revision)

    def split(  # noqa: PLR0913  # as promote
        self,
        name: str,
        version: int,
        *,
        basis_points: int,
        actor: str,
        reason: str,
        expected_revision: int | None = None,
        force: bool = False,
    ) -> Revision:
        """The new revision, in which `version` as challenger answers a share of the customers.

        `basis_points` of 10,000; 0 ends the split. A share that grows only adds customers. The
        challenger passed the gates of a promotion, which `force` overrules in the same way.

        Raises:
            InvalidRequest: actor, reason or share are none, or the version is the champion.
            UnknownModel, UnknownVersion: there is no such version.
            UnknownRevision: nothing was ever promoted.
            GateFailed: the version may not serve.
            RevisionConflict: another revision is current.
            CorruptRegistry: the version or the current revision is damaged.
        """
        _check_present(actor=actor, reason=reason)
        if not 0 <= basis_points <= BUCKETS:
            raise InvalidRequest("share", f"{basis_points} is outside 0 to {BUCKETS} basis points")
        manifest = self.version(name, version)
        gates, judge = (
            self._admitted(manifest, force=force) if basis_points else ((), without_judging)
        )

        def with_challenger(current: Revision | None) -> State:
            before = _promoted(name, current)
            if version == before.champion:
                raise InvalidRequest("version", f"{version} is the champion, and no challenger")
            if not basis_points:
                if version != before.challenger:
                    raise InvalidRequest("version", f"{version} is not the challenger")
                return before.changed({}, challenger=None, basis_points=0)
            return before.changed(
                {version: manifest.sha256},
                challenger=version,
                basis_points=basis_points,
                shadows=_without(before.shadows, version),
            )

        change = Change(Action.SPLIT, actor, reason, with_challenger, gates, judge)
        return self._append(self.log(name), change, expected_revision)

    def shadow(
        self,
        name: str,
        versions: Sequence[int],
        *,
        actor: str,
        reason: str,
        expected_revision: int | None = None,
    ) -> Revision:
        """The new revision, in which exactly these versions shadow those that answer; none: none.

        Each passed every load gate here.

        Raises:
            InvalidRequest: actor or reason are missing, or a version is named twice, or answers.
            UnknownModel, UnknownVersion: there is no such version.
            UnknownRevision: nothing was ever promoted.
            GateFailed: a version may not be loaded.
            RevisionConflict: another revision is current.
            CorruptRegistry: a version or the current revision is damaged.
        """
        _check_present(actor=actor, reason=reason)
        if len(set(versions)) < len(versions):
            raise InvalidRequest("version", "is named twice")
        shadows = [self.version(name, version) for version in versions]
        loaded = [self.gates(manifest, self.blob) for manifest in shadows]
        results = tuple(result for each in loaded for result in each.results)
        manifests = {manifest.version: manifest.sha256 for manifest in shadows}

        def with_shadows(current: Revision | None) -> State:
            before = _promoted(name, current)
            for alias, version in before.aliases.items():
                if version in manifests:
                    raise InvalidRequest(
                        "version", f"{version} is the {alias}: it answers, and shadows nobody"
                    )
            return before.changed(manifests, shadows=tuple(versions))

        change = Change(Action.SHADOW, actor, reason, with_shadows, results)
        return self._append(self.log(name), change, expected_revision)

    def rollback(
        self,
        name: str,
        *,
        actor: str,
        reason: str,
        to_revision: int | None = None,
        expected_revision: int | None = None,
    ) -> Revision:
        """The new revision, with the state of an earlier one, which passes every load gate now.

        Without `to_revision` it is the newest one in which customers were answered otherwise than
        in the current one; so a second rollback undoes the first.

        Raises:
            InvalidRequest: the actor or the reason is missing.
            UnknownRevision: there is no such revision, or none to go back to.
            GateFailed: the version to go back to may not serve any more.
            RevisionConflict: not the expected revision is current, or without `to_revision`
                another one came in between.
            CorruptRegistry: the log or the version is damaged.
        """
        _check_present(actor=actor, reason=reason)
        log = self.log(name)
        current = log.newest()
        if current is None:
            raise UnknownRevision(f"no version of model {name!r} was ever promoted")
        target = _before(log, current) if to_revision is None else log.at(to_revision)
        state = target.state
        manifests = [self.manifest_of(name, state, v) for v in state.aliases.values()]
        loaded = [self.gates(manifest, self.blob) for manifest in manifests]
        results = tuple(result for each in loaded for result in each.results)
        if expected_revision is None and to_revision is None:
            expected_revision = current.number
        change = Change(Action.ROLLBACK, actor, reason, lambda _: state, results)
        return self._append(log, change, expected_revision)

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

    def champion(self, name: str) -> Manifest | None:
        """The manifest of the version that is desired as champion; None: there is none to be read."""
        try:
            current = self.current(name)
            return None if current is None else self.version(name, current.state.champion)
        except (NotFound, CorruptRecord):
            return None

    def log(self, name: str) -> RevisionLog:
        """The revision log of one model."""
        layout.check_name(name)
        return RevisionLog(self.store, name)

    def stored_versions(self, name: str) -> Sequence[int]:
        """The numbers of a model's versions, ascending; none, if it has none."""
        return layout.numbers(self.store.keys(layout.versions_prefix(name)))

    def _named(self, *kinds: str) -> Sequence[str]:
        names = {layout.model_of(key, *kinds) for key in self.store.keys(layout.MODELS)}
        return sorted(name for name in names if name is not None)

    def _admitted(self, manifest: Manifest, *, force: bool) -> tuple[tuple[GateResult, ...], Judge]:
        loaded = self.gates(manifest, self.blob)
        judge = self.admission(
            manifest,
            loaded,
            champion=lambda version: self._readable(manifest.name, version),
            force=force,
        )
        return loaded.results, judge

    def _readable(self, name: str, version: int) -> Manifest | None:
        try:
            return self.version(name, version)
        except (NotFound, CorruptRegistry):
            return None

    def _store_blob(self, blob: Blob, content: bytes) -> None:
        key = layout.blob_key(blob.sha256)
        if not self.store.put_if_absent(key, content) and self.store.get(key) != content:
            raise CorruptRegistry(
                key, "holds other content than its name says; remove it, then register again"
            )

    def _store_manifest(self, manifest: Manifest) -> bool:
        key = layout.manifest_key(manifest.name, manifest.version)
        return self.store.put_if_absent(key, manifest.encode())

    def _append(self, log: RevisionLog, change: Change, expected: int | None) -> Revision:
        current = log.newest()
        for _ in range(_ATTEMPTS):
            number = 0 if current is None else current.number
            if expected is not None and expected != number:
                raise RevisionConflict(
                    f"revision {number} of model {log.name!r} is current, not {expected}; "
                    "look at the history, then decide again"
                )
            revision = change.after(current, at=self.clock())
            if log.append(revision):
                return revision
            current = log.following(current)
        raise RevisionConflict(f"lost {_ATTEMPTS} races in a row for model {log.name!r}")


def _before(log: RevisionLog, current: Revision) -> Revision:
    for number in range(current.number - 1, 0, -1):
        revision = log.at(number)
        if revision.state.answering != current.state.answering:
            return revision
    raise UnknownRevision(
        f"model {log.name!r} never had another champion than version {current.state.champion}"
    )


def _promoted(name: str, current: Revision | None) -> State:
    if current is None:
        raise UnknownRevision(f"no version of model {name!r} was ever promoted; promote one first")
    return current.state


def _without(versions: tuple[int, ...], version: int) -> tuple[int, ...]:
    return tuple(other for other in versions if other != version)


def _check_present(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise InvalidRequest(name, "must not be empty; the history keeps it")
