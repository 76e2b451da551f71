"""What campaigns need from outside: to be frozen, read, measured, and to forget a customer."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from domain.audience import Member
from domain.campaigns.campaign import Campaign, FrozenMember, MemberPart
from domain.campaigns.creation import Claim, Creation, Progress
from domain.campaigns.exposure import FlagResults
from domain.campaigns.results import CampaignResults


class CampaignDrafts(Protocol):
    """Where campaigns come to be.

    Promises: of any number of writers of one name exactly one wins, and nothing is overwritten.
    Until the commit there is no campaign; interrupted, there never is. Of claimants of a name at
    most one holds it at a time; one that failed, or said nothing for a minute, holds nothing. An
    erasure at any moment after `begin` leaves nothing of the customer to any reader.
    """

    def begin(self, name: str, at: int, owner: str, /) -> Claim:
        """The owner creates the campaign from that instant on, microseconds since the epoch, UTC.

        Raises:
            Conflict: the name is taken, or somebody else creates it now.
            StoreUnavailable: the store did not answer.
        """
        ...

    def tell(self, claim: Claim, at: int, progress: Progress, /) -> None:
        """The creation goes on, and has come so far; read by `Campaigns.creation` from now on.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def fail(self, claim: Claim, at: int, reason: str, /) -> None:
        """The creation has ended without a campaign; the name is free.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def write(self, name: str, at: int, members: Sequence[FrozenMember], /) -> MemberPart:
        """Some members of the campaign that began at that instant are kept.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def commit(self, campaign: Campaign, /) -> None:
        """The campaign is there, whole.

        Raises:
            Conflict: somebody else took the name meanwhile; that campaign stays as it is.
            StoreUnavailable: the store did not answer; look whether it is there.
        """
        ...


class Campaigns(Protocol):
    """Campaigns that were created.

    Promises: the same members in the same order whenever they are asked for, but for those who were
    erased: no reader meets them from the erasure on. Memory for one part at a time.
    """

    def every(self) -> Sequence[Campaign]:
        """All of them, the newest first.

        Raises:
            StoreUnavailable: not all could be read.
            CorruptRecord: what is stored is none.
        """
        ...

    def named(self, name: str, /) -> Campaign:
        """The one of this name.

        Raises:
            Rejected: no campaign can have it.
            NotFound: there is none.
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        ...

    def creation(self, name: str, /) -> Creation | None:
        """The newest creation of that name; None: nobody began one, or it was tidied since.

        Raises:
            Rejected: no campaign can have the name.
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        ...

    def members(self, campaign: Campaign, /) -> Iterator[Sequence[FrozenMember]]:
        """Its members in batches.

        Raises:
            MembersRemoved: they were kept as long as they may be.
            StoreUnavailable: the store did not answer, or the campaign was tidied meanwhile.
            CorruptRecord: what is stored is not what was written.
        """
        ...


class CampaignRecords(Protocol):
    """What becomes known of a campaign after it was created.

    Promises: nothing is overwritten; what was answered is read from then on. What was deleted is
    read by nobody from then on, and its name is never free again.
    """

    def delete(self, name: str, at: int, /) -> None:
        """The campaign, its members and its results are gone; interrupted, again is safe.

        Raises:
            NotFound: there is no such campaign, and none was being deleted.
            StoreUnavailable: the store did not answer; ask again, or tidy.
        """
        ...

    def mark_sent(self, name: str, at: int, /) -> None:
        """The campaign was sent at that instant, microseconds since the epoch, UTC; again is safe.

        Raises:
            NotFound: there is no such campaign.
            Conflict: another instant is known already.
            StoreUnavailable: the store did not answer.
        """
        ...

    def keep(self, name: str, results: CampaignResults, /) -> None:
        """These results were measured.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def measured(self, name: str, /) -> Sequence[int]:
        """The instants at which it was measured, ascending.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def results(self, name: str, at: int, /) -> CampaignResults:
        """What was measured at that instant.

        Raises:
            NotFound: nothing was.
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        ...


class FlagRecords(Protocol):
    """What was measured of flags.

    Promises: nothing is overwritten; what was answered is read from then on, the newest first.
    """

    def keep(self, found: FlagResults, /) -> None:
        """These results were measured.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    def newest(self, flag: str, /) -> FlagResults:
        """What was last measured of a flag.

        Raises:
            NotFound: nothing was.
            StoreUnavailable: the store did not answer.
            CorruptRecord: what is stored is none.
        """
        ...


class MemberSpool(Protocol):
    """Where members wait until everybody is scored, in the order they came.

    Promises: bounded memory for any number; what was added is read as it was; nothing outlives the
    process.
    """

    def add(self, members: Sequence[Member], /) -> None:
        """These come next.

        Raises:
            Rejected: the disk refuses.
        """
        ...

    def batches(self) -> Iterator[Sequence[Member]]:
        """All of them from the beginning, in the batches in which they came."""
        ...

    def close(self) -> None:
        """Nothing of them is left."""
        ...
