"""The log of one model: numbered revisions, each naming the hash of the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from model_registry.errors import CorruptRegistry, UnknownObject, UnknownRevision
from model_registry.ports import ObjectStore
from model_registry.revisions.revision import Revision
from model_registry.storage import log_prefix, numbers, revision_key


@dataclass(frozen=True, slots=True)
class RevisionLog:
    """Reads and extends the log of the model `name`; the newest revision is what is desired."""

    store: ObjectStore
    name: str

    def numbers(self) -> Sequence[int]:
        """The numbers of the stored revisions, ascending.

        Raises:
            StoreUnavailable: the listing is not complete.
        """
        return numbers(self.store.keys(log_prefix(self.name)))

    def newest(self) -> Revision | None:
        """The revision with the highest number; None before the first.

        Raises:
            CorruptRegistry: it is damaged, or does not follow from the one before it.
            StoreUnavailable: the store did not answer.
        """
        stored = self.numbers()
        return self.at(stored[-1]) if stored else None

    def has(self, number: int) -> bool:
        """Whether anything is stored as this revision, by one small read.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        try:
            self.store.get(revision_key(self.name, number))
        except UnknownObject:
            return False
        return True

    def at(self, number: int) -> Revision:
        """One revision, checked to follow from the one before it.

        Raises:
            UnknownRevision: the log has none with this number.
            CorruptRegistry: it is damaged, or does not follow from the one before it.
            StoreUnavailable: the store did not answer.
        """
        revision = self.unchecked(number)
        previous = self._before(number) if number > 1 else None
        self._check_follows(revision, previous)
        return revision

    def following(self, current: Revision | None) -> Revision:
        """The revision right after one that was checked; None: the first.

        Raises:
            UnknownRevision: there is none yet.
            CorruptRegistry: it is damaged, or does not follow from that one.
            StoreUnavailable: the store did not answer.
        """
        revision = self.unchecked(1 if current is None else current.number + 1)
        self._check_follows(revision, current)
        return revision

    def all(self) -> Sequence[Revision]:
        """Every revision, newest last, without a gap and with every hash checked.

        Raises:
            CorruptRegistry: the log has a gap, or a revision is not what it claims to be.
            StoreUnavailable: the store did not answer.
        """
        stored = self.numbers()
        for expected, number in enumerate(stored, start=1):
            if number != expected:
                raise self._gap(expected)
        revisions = [self.unchecked(number) for number in stored]
        for previous, revision in zip([None, *revisions], revisions, strict=False):
            self._check_follows(revision, previous)
        return revisions

    def append(self, revision: Revision) -> bool:
        """Whether this revision is now in the log; False when its number was taken already.

        Raises:
            StoreUnavailable: it may or may not be there.
        """
        return self.store.put_if_absent(revision_key(self.name, revision.number), revision.encode())

    def unchecked(self, number: int) -> Revision:
        """One revision by itself, whatever stands before it.

        Raises:
            UnknownRevision: the log has none with this number.
            CorruptRegistry: it is damaged.
            StoreUnavailable: the store did not answer.
        """
        key = revision_key(self.name, number)
        try:
            revision = Revision.decode(key, self.store.get(key))
        except UnknownObject as exc:
            raise UnknownRevision(f"model {self.name!r} has no revision {number}") from exc
        if revision.number != number:
            raise CorruptRegistry(key, f"field 'number' is {revision.number}, not {number}")
        return revision

    def _before(self, number: int) -> Revision:
        try:
            return self.unchecked(number - 1)
        except UnknownRevision as exc:
            raise self._gap(number - 1) from exc

    def _gap(self, number: int) -> CorruptRegistry:
        key = revision_key(self.name, number)
        return CorruptRegistry(key, "is missing: the log has a gap; restore it from a backup")

    def _check_follows(self, revision: Revision, previous: Revision | None) -> None:
        expected = None if previous is None else previous.sha256
        if revision.previous_sha256 != expected:
            raise CorruptRegistry(
                revision_key(self.name, revision.number),
                f"field 'previous_sha256' is {revision.previous_sha256}, "
                f"the revision before it has {expected}: one of the two was changed",
            )
