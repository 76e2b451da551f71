"""Who of an audience is listed: a range of probabilities, or the highest of them."""

from collections.abc import Sequence

from domain.audience import Member
from domain.errors import Rejected
from domain.prediction import Arm


class Selection:
    """Chooses members batch by batch: those in range, and those not read where `with_unread`.

    With `top`, the highest probabilities in range instead, ties by customer id; memory for twice
    as many members.

    Raises:
        Rejected: the range is empty or leaves [0, 1].
    """

    def __init__(
        self,
        *,
        at_least: float = 0.0,
        at_most: float = 1.0,
        top: int | None = None,
        with_unread: bool = True,
    ) -> None:
        if not 0.0 <= at_least <= at_most <= 1.0:
            raise Rejected(
                "--min-probability", f"needs 0 <= min <= max <= 1, not [{at_least:g}, {at_most:g}]"
            )
        self._range = (at_least, at_most)
        self._top = top
        self._with_unread = with_unread and top is None
        self._best: list[tuple[float, str, Arm]] = []

    def take(self, members: Sequence[Member]) -> Sequence[Member]:
        """Those who can be listed at once, in order."""
        chosen = [member for member in members if self._chooses(member.probability)]
        if self._top is None:
            return chosen
        self._best += [
            (-(member.probability or 0.0), member.customer_id, member.arm) for member in chosen
        ]
        if len(self._best) >= 2 * self._top:
            self._cut()
        return ()

    def rest(self) -> Sequence[Member]:
        """Those who could not be listed before everyone was seen: the top, descending."""
        self._cut()
        return [Member(customer, -negative, arm) for negative, customer, arm in self._best]

    def _chooses(self, probability: float | None) -> bool:
        if probability is None:
            return self._with_unread
        at_least, at_most = self._range
        return at_least <= probability <= at_most

    def _cut(self) -> None:
        self._best = sorted(self._best)[: self._top]
