"""Tidy campaigns: erased customers leave the bytes too, and what was never finished goes."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from adapters.campaigns.places import (
    CAMPAIGNS,
    ERASURES,
    Place,
    claim_key,
    deleted_key,
    folder_of,
    part_key,
    state_key,
    written_at,
)
from adapters.campaigns.store import ObjectCampaigns, without
from adapters.erasure_marks import Erased
from domain.campaigns import LONGEST_US, Campaign, CampaignArm, MemberPart, Tidied
from domain.errors import Conflict
from domain.values import MICROS_PER_DAY, Clock
from domain.values.instant import MICROS_PER_HOUR

_ABANDONED_US = LONGEST_US + MICROS_PER_HOUR
"""Clocks differ: what began longer ago will never be finished."""


class TidyCampaigns:
    """Writes parts again without the erased, in place of the old ones, by a manifest that names them.

    Several may run at once: of two that write one campaign, one wins.
    """

    def __init__(self, store: Place, clock: Clock, retention_days: int | None = None) -> None:
        self._store = store
        self._retention_days = retention_days
        self._campaigns = ObjectCampaigns(store)
        self._clock = clock

    def __call__(self, on_progress: Callable[[int, int], object] = lambda *_: None) -> Tidied:
        """What was done.

        Raises:
            StoreUnavailable: the store did not answer; running it again is safe.
            CorruptRecord: a part is not what was written.
        """
        now = self._clock()
        erased = Erased.read(self._store, ERASURES)  # first: a mark outlives what it hides
        counts: Counter[str] = Counter()
        campaigns = self._campaigns.every()
        whole = True
        for done, campaign in enumerate(campaigns, start=1):
            hidden = erased.hidden_in(campaign.created_at)
            if self._kept_long_enough(campaign, now):
                whole &= self._empty(campaign, now, counts)
            elif hidden:
                whole &= self._write_again(campaign, hidden, now, counts)
            on_progress(done, len(campaigns))
        self._remove_parts(now, counts)
        self._remove_marks(erased, now, counts, whole=whole)
        return Tidied(**counts)

    def _kept_long_enough(self, campaign: Campaign, now: int) -> bool:
        if self._retention_days is None or campaign.members_removed_at is not None:
            return False
        return campaign.begins_at + self._retention_days * MICROS_PER_DAY <= now

    def _empty(self, campaign: Campaign, now: int, counts: Counter[str]) -> bool:
        """Whether the manifest that counts names no members any more; how many there were stays."""
        following = replace(
            campaign,
            number=campaign.number + 1,
            parts=[],
            sent_at=None,  # which stands beside it
            members_removed_at=now,
        )
        try:
            self._campaigns.commit(following)
        except Conflict:  # somebody else tidied it
            return False
        counts["campaigns_emptied"] += 1
        return True

    def _write_again(
        self, campaign: Campaign, hidden: frozenset[str], now: int, counts: Counter[str]
    ) -> bool:
        """Whether nobody hidden is named by the manifest that counts."""
        left: Counter[CampaignArm] = Counter(dict.fromkeys(CampaignArm, 0))
        parts: list[MemberPart] = []
        written: list[MemberPart] = []
        for part in campaign.parts:
            before = [member for batch in self._campaigns.part(campaign, part) for member in batch]
            after = without(before, hidden)
            left.update(member.arm for member in after)
            if len(after) < len(before):
                part = self._campaigns.write(campaign.name, now, after)  # noqa: PLW2901
                written.append(part)
            if part.rows:
                parts.append(part)
        if not written:
            return True
        gone = campaign.size - left.total()
        following = replace(
            campaign,
            number=campaign.number + 1,
            members=dict(left),
            erased=campaign.erased + gone,
            parts=parts,
            sent_at=None,  # which stands beside it
        )
        try:
            self._campaigns.commit(following)
        except Conflict:  # somebody else tidied it
            for part in written:
                self._store.remove_status(part_key(campaign.name, part.name))
            return False
        counts["campaigns_written"] += 1
        counts["members_erased"] += gone
        return True

    def _remove_parts(self, now: int, counts: Counter[str]) -> None:
        """Parts that a later manifest replaced, and what creations left that never will be finished."""
        for name in sorted({key.split("/")[1] for key in self._store.keys(CAMPAIGNS)}):
            keys = self._store.keys(folder_of(name))
            if deleted_key(name) in keys:
                self._campaigns.remove_deleted(name, keys)
                continue
            replaced, named = self._named(name, keys)
            for key in keys:
                if "/parts/" not in key or key in named:
                    continue
                if key in replaced or written_at(key) + _ABANDONED_US < now:
                    self._store.remove_status(key)
                    counts["parts_removed"] += 1
            for claim in self._campaigns.claims(name, keys):
                if claim.at + _ABANDONED_US < now:
                    self._store.remove_status(state_key(name, claim.number))
                    self._store.remove_status(claim_key(name, claim.number))

    def _named(self, name: str, keys: Sequence[str]) -> tuple[set[str], set[str]]:
        """The parts that lower manifests name, and those that the highest does."""
        manifests = self._campaigns.manifests(name, keys)
        parts = [{part_key(name, part.name) for part in each.parts} for each in manifests]
        return set().union(*parts[:-1]), parts[-1] if parts else set()

    def _remove_marks(self, erased: Erased, now: int, counts: Counter[str], *, whole: bool) -> None:
        for each, keys in erased.marks.items():
            if not whole or erased.until[each] + _ABANDONED_US >= now:
                counts["erasures_left"] += 1
                continue
            for key in keys:
                self._store.remove_status(key)
            counts["erasures_done"] += 1
