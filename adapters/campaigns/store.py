"""Campaigns in the object store: created, read and measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from adapters.campaigns.places import (
    CAMPAIGNS,
    ERASURES,
    Place,
    claim_key,
    deleted_key,
    folder_of,
    manifest_key,
    part_key,
    part_name,
    results_key,
    sent_key,
    state_key,
    written_at,
)
from adapters.erasure_marks import Erased, hash_of
from domain.campaigns import (
    Campaign,
    CampaignResults,
    Claim,
    Creation,
    CreationState,
    FrozenMember,
    MemberPart,
    Progress,
    being_created,
    campaign_name_of,
    taken,
)
from domain.errors import Conflict, CorruptRecord, MembersRemoved, NotFound, StoreUnavailable
from domain.values import instant
from model_registry.errors import UnknownObject

T = TypeVar("T")


class Sent(msgspec.Struct, frozen=True):
    """When a campaign was sent: microseconds since the epoch, UTC."""

    sent_at: int


class Deleted(msgspec.Struct, frozen=True):
    """When a campaign was deleted: microseconds since the epoch, UTC."""

    deleted_at: int


class Told(msgspec.Struct, frozen=True):
    """How far a creation is, or why it failed; `at` in microseconds since the epoch, UTC."""

    at: int
    progress: Progress
    reason: str | None = None


class ObjectCampaigns:
    """`CampaignDrafts`, `Campaigns` and `CampaignRecords` by put-if-absent."""

    def __init__(self, store: Place) -> None:
        self._store = store

    def begin(self, name: str, at: int, owner: str, /) -> Claim:
        """The owner creates the campaign; see the port."""
        keys = self._store.keys(folder_of(name))
        if deleted_key(name) in keys:
            raise Conflict(f"a campaign {name!r} was deleted; choose another name")
        last = self._creation(name, keys)
        if last is not None:
            if last.ready:
                raise taken(name)
            if last.seen_at(at).state is CreationState.CREATING:
                raise being_created(last.claim)
        number = 1 if last is None else last.claim.number + 1
        claim = Claim(name=name, number=number, owner=owner, at=at)
        if not self._store.put_if_absent(claim_key(name, number), msgspec.json.encode(claim)):
            raise being_created(self._read(claim_key(name, number), Claim))
        return claim

    def tell(self, claim: Claim, at: int, progress: Progress, /) -> None:
        """The creation goes on; see the port."""
        self._put_state(claim, Told(at, progress))

    def fail(self, claim: Claim, at: int, reason: str, /) -> None:
        """The creation has ended without a campaign; see the port."""
        creation = self._told_of(claim)
        self._put_state(claim, Told(at, creation.progress, reason))

    def _put_state(self, claim: Claim, told: Told) -> None:
        self._store.put_status(state_key(claim.name, claim.number), msgspec.json.encode(told))

    def write(self, name: str, at: int, members: Sequence[FrozenMember], /) -> MemberPart:
        """Some members are kept; see the port."""
        from adapters.campaigns.members import encoded  # noqa: PLC0415  # pyarrow is an extra

        content = encoded(members)
        part = MemberPart(part_name(at, content), len(members))
        self._store.put_if_absent(part_key(name, part.name), content)
        return part

    def commit(self, campaign: Campaign, /) -> None:
        """The campaign is there, whole; see the port."""
        key = manifest_key(campaign.name, campaign.number)
        if not self._store.put_if_absent(key, msgspec.json.encode(campaign)):
            raise taken(campaign.name)

    def every(self) -> Sequence[Campaign]:
        """All of them, the newest first; see the port."""
        keys = self._store.keys(CAMPAIGNS)
        folders: dict[str, list[str]] = {}
        for key in keys:
            folders.setdefault(key.split("/")[1], []).append(key)
        found = [self._campaign(name, keys) for name, keys in folders.items()]
        campaigns = [campaign for campaign in found if campaign is not None]
        return sorted(campaigns, key=lambda each: (each.created_at, each.name), reverse=True)

    def named(self, name: str, /) -> Campaign:
        """The one of this name; see the port."""
        campaign_name_of(name)
        campaign = self._campaign(name, self._store.keys(folder_of(name)))
        if campaign is None:
            raise NotFound(f"there is no campaign {name!r}; `propensity campaign list` names them")
        return campaign

    def creation(self, name: str, /) -> Creation | None:
        """The newest creation of that name; see the port."""
        campaign_name_of(name)
        return self._creation(name, self._store.keys(folder_of(name)))

    def members(self, campaign: Campaign, /) -> Iterator[Sequence[FrozenMember]]:
        """Its members in batches; see the port."""
        if campaign.members_removed_at is not None:
            raise MembersRemoved(
                f"the members of campaign {campaign.name} were removed at "
                f"{instant.render(campaign.members_removed_at)}, as PROPENSITY_CAMPAIGN_RETENTION_DAYS "
                "says; its results are kept"
            )
        for part in campaign.parts:
            hidden = Erased.read(self._store, ERASURES).hidden_in(campaign.created_at)
            for batch in self.part(campaign, part):
                yield without(batch, hidden)

    def part(self, campaign: Campaign, part: MemberPart) -> Iterator[list[FrozenMember]]:
        """The members of one part as they were written, whoever was erased since."""
        from adapters.campaigns.members import decoded  # noqa: PLC0415  # pyarrow is an extra

        key = part_key(campaign.name, part.name)
        try:
            content = self._store.get(key)
        except UnknownObject as exc:
            if self.named(campaign.name).number > campaign.number:
                raise StoreUnavailable(
                    f"campaign {campaign.name} was tidied meanwhile; run it again"
                ) from exc
            raise CorruptRecord(f"{key} is missing, which campaign {campaign.name} names") from exc
        if part.name != part_name(written_at(key), content):
            raise CorruptRecord(f"{key} is not what was written there")
        yield from decoded(key, content)

    def mark_sent(self, name: str, at: int, /) -> None:
        """The campaign was sent; see the port."""
        before = self.named(name).sent_at
        if before is None:
            self._store.put_if_absent(sent_key(name), msgspec.json.encode(Sent(at)))
            before = self._read(sent_key(name), Sent).sent_at
        if before != at:
            raise Conflict(
                f"campaign {name} was sent at {instant.render(before)}; that stays as it is"
            )

    def delete(self, name: str, at: int, /) -> None:
        """The campaign, its members and its results are gone; see the port."""
        keys = self._store.keys(folder_of(campaign_name_of(name)))
        if deleted_key(name) not in keys:
            self.named(name)
            self._store.put_if_absent(deleted_key(name), msgspec.json.encode(Deleted(at)))
        self.remove_deleted(name, self._store.keys(folder_of(name)))

    def remove_deleted(self, name: str, keys: Sequence[str]) -> None:
        """Nothing but the mark of its deletion is left of a campaign with these keys."""
        for key in keys:
            if key != deleted_key(name):
                self._store.remove_status(key)

    def keep(self, name: str, results: CampaignResults, /) -> None:
        """These results were measured; see the port."""
        key = results_key(name, results.measured_at)
        self._store.put_if_absent(key, msgspec.json.encode(results))

    def measured(self, name: str, /) -> Sequence[int]:
        """The instants at which it was measured; see the port."""
        keys = self._store.keys(f"{folder_of(name)}results/")
        return [int(key.rpartition("/")[2].removesuffix(".json")) for key in keys]

    def results(self, name: str, at: int, /) -> CampaignResults:
        """What was measured at that instant; see the port."""
        try:
            return self._read(results_key(name, at), CampaignResults)
        except UnknownObject as exc:
            raise NotFound(
                f"campaign {name!r} has no results of {instant.render(at)}; "
                f"`propensity campaign results {name}` measures it"
            ) from exc

    def _campaign(self, name: str, keys: Sequence[str]) -> Campaign | None:
        numbers = self._numbers(keys)
        if not numbers or deleted_key(name) in keys:
            return None
        campaign = self._read(manifest_key(name, max(numbers)), Campaign)
        if sent_key(name) not in keys:
            return campaign
        return replace(campaign, sent_at=self._read(sent_key(name), Sent).sent_at)

    def _creation(self, name: str, keys: Sequence[str]) -> Creation | None:
        if deleted_key(name) in keys:
            return None
        claims = self.claims(name, keys)
        numbers = self._numbers(keys)
        if not numbers:
            return self._told_of(claims[-1]) if claims else None
        at = self._read(manifest_key(name, max(numbers)), Campaign).created_at
        claim = claims[-1] if claims else Claim(name=name, number=0, owner="", at=at)
        return Creation(claim=claim, told_at=at, ready=True)

    def _told_of(self, claim: Claim) -> Creation:
        try:
            told = self._read(state_key(claim.name, claim.number), Told)
        except UnknownObject:
            told = Told(claim.at, Progress())
        return Creation(claim=claim, told_at=told.at, progress=told.progress, reason=told.reason)

    def claims(self, name: str, keys: Sequence[str]) -> list[Claim]:
        """Every claim of a name among these keys, the one that holds it last."""
        numbers = sorted(int(key.split("/")[3]) for key in keys if key.endswith("/claim.json"))
        return [self._read(claim_key(name, number), Claim) for number in numbers]

    def manifests(self, name: str, keys: Sequence[str]) -> list[Campaign]:
        """Every manifest of a campaign among these keys, the one that counts last."""
        numbers = sorted(self._numbers(keys))
        return [self._read(manifest_key(name, number), Campaign) for number in numbers]

    def _numbers(self, keys: Sequence[str]) -> list[int]:
        return [
            int(key.rpartition("/")[2].removesuffix(".json"))
            for key in keys
            if "/manifests/" in key
        ]

    def _read(self, key: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self._store.get(key), type=kind)
        except msgspec.DecodeError as exc:
            raise CorruptRecord(f"{key} is not what was written there: {exc}") from exc


def without(members: Sequence[FrozenMember], hidden: frozenset[str]) -> Sequence[FrozenMember]:
    """The members but those whose hash is hidden."""
    if not hidden:
        return members
    return [member for member in members if hash_of(member.customer_id) not in hidden]
