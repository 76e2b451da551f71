"""Everything we raise on purpose; each branch says what the caller should do.

* PropensityError
  x NotFound
    + UnknownFlag
    + UnknownKey
    + MembersRemoved
  x Rejected
    + InvalidPurchase
    + InvalidRequest
    + TrainingRefused
  x Conflict
    + KeyChanged
    + KeyEnded
  x Unauthenticated
    + InvalidToken
    + TokenExpired
  x Forbidden
  x Unavailable
    + StoreUnavailable
    + NoLiveModel
    + PartlyRecorded
    + Busy
    + Interrupted
  x CorruptRecord
    + TablesDiffer

NotFound: the thing asked for does not exist. Rejected: fix the input and ask again.
Conflict: somebody else was first, look again. Unavailable: the same call may succeed later.
CorruptRecord: what is stored is not what it claims to be, a human must look.
"""

from collections.abc import Mapping, Sequence


class PropensityError(Exception):
    """Base of every error raised on purpose; it can go from one process to another."""

    def __reduce__(self) -> tuple[object, ...]:
        return _raised_elsewhere, (type(self), self.args, self.__dict__)


def _raised_elsewhere(
    kind: type[PropensityError], args: tuple[object, ...], state: Mapping[str, object]
) -> PropensityError:
    """The same error, whatever it takes to make one."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class NotFound(PropensityError):
    """The thing asked for does not exist."""


class Rejected(PropensityError):
    """The input cannot be accepted; `field` says where and `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InvalidPurchase(Rejected):
    """A purchase breaks a rule of the purchase format; it was not written."""


class InvalidRequest(Rejected):
    """A parameter of a question to the service breaks a rule."""


class TrainingRefused(Rejected):
    """The stored purchases do not allow an honest model."""


class Conflict(PropensityError):
    """Somebody else was first; look at the present state, then decide."""


class KeyChanged(Conflict):
    """Somebody else changed the key at the same time; nothing was changed now."""


class KeyEnded(Conflict):
    """The key was revoked or has expired, and stays so."""


class UnknownFlag(NotFound):
    """No flag of this key is declared."""


class UnknownKey(NotFound):
    """There is no key of this id."""


class MembersRemoved(NotFound):
    """The campaign is there, and its members were kept as long as they may be."""


class Unauthenticated(PropensityError):
    """Nobody known asks: send a valid key or token."""


class InvalidToken(Unauthenticated):
    """The customer's token is not one that the shop's server signed for us."""


class TokenExpired(Unauthenticated):
    """The customer's token was valid, and is too old."""


class Forbidden(PropensityError):
    """Who asks is known, and may not do this; another key may."""


class Unavailable(PropensityError):
    """A dependency failed in a way that may pass; the same call may succeed later."""


class StoreUnavailable(Unavailable):
    """The store did not answer completely; `transient` says whether trying again may help."""

    def __init__(self, reason: str, *, transient: bool = True) -> None:
        super().__init__(reason)
        self.transient = transient


class NoLiveModel(Unavailable):
    """No model version is promoted, or none of the promoted ones could be loaded."""


class PartlyRecorded(Unavailable):
    """Some purchases got no answer from the store; sending all of them again is safe.

    `outcomes` holds one entry per purchase sent, in order; None means unanswered. `reason` is
    what the store said.
    """

    def __init__(self, outcomes: Sequence[object | None], reason: str) -> None:
        unanswered = sum(outcome is None for outcome in outcomes)
        super().__init__(
            f"{unanswered} of {len(outcomes)} purchases unanswered ({reason}); "
            "send them again: what was recorded answers 'duplicate'"
        )
        self.outcomes = outcomes
        self.reason = reason


class Busy(Unavailable):
    """As much of it runs here as may; `retry_after_s` is when to ask again."""

    retry_after_s = 10


class Interrupted(Unavailable):
    """What ran beside serving was stopped, or its process was lost; nothing of it runs any more."""


class CorruptRecord(PropensityError):
    """What is stored is not what it claims to be; retrying cannot help."""


class TablesDiffer(CorruptRecord):
    """The live tables are not the ones this code declares; `differences` names each."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("the live tables differ from the models: " + "; ".join(differences))
        self.differences = tuple(differences)
