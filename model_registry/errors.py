"""The registry's own errors, on the branches of domain/errors.py.

* NotFound
  x UnknownModel
  x UnknownVersion
  x UnknownRevision
  x UnknownObject
* Conflict
  x RevisionConflict
  x GateFailed
* Unavailable
  x NotConverged
* CorruptRecord
  x CorruptRegistry
"""

from domain.errors import Conflict, CorruptRecord, NotFound, Unavailable


class UnknownModel(NotFound):
    """No version was ever registered under this name."""


class UnknownVersion(NotFound):
    """The model has no version with this number."""


class UnknownRevision(NotFound):
    """The model's log has no such revision."""


class UnknownObject(NotFound):
    """The object store holds nothing under this key."""


class RevisionConflict(Conflict):
    """Another revision was appended since the caller looked."""


class GateFailed(Conflict):
    """A version may not serve: `gate` names the check, `reason` what it saw and the way out."""

    def __init__(self, gate: str, reason: str) -> None:
        super().__init__(f"gate {gate!r}: {reason}")
        self.gate = gate
        self.reason = reason


class NotConverged(Unavailable):
    """A live process does not serve the revision asked for yet; names each, and why."""


class CorruptRegistry(CorruptRecord):
    """What is stored under `key` is not what it claims to be; `reason` names the field."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason
