"""What became of the campaigns when they were tidied."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What one run did.

    `members_erased` were removed from the parts of `campaigns_written`. `parts_removed` belong to no
    campaign any more, or never did. `erasures_left` go on: a campaign may still be under way that
    began before, or the erasure is not complete. The members of `campaigns_emptied` were kept long
    enough.
    """

    campaigns_written: int = 0
    members_erased: int = 0
    parts_removed: int = 0
    erasures_done: int = 0
    erasures_left: int = 0
    campaigns_emptied: int = 0
