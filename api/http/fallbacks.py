"""Decisions that fell back to their defaults: counted, and told once in a while."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from api.process.tally import Tally
from domain.prediction import Because, FlagDecision

_log = logging.getLogger(__name__)


class Fallbacks:
    """Counts what could not be decided, by cause, and logs the counts at most once a minute."""

    def __init__(self) -> None:
        self._tally = Tally(_tell)
        self.total: Counter[str] = Counter()

    def count(self, decisions: Sequence[FlagDecision]) -> None:
        """These were answered."""
        for each in decisions:
            if each.reason is Because.ERROR:
                self.total[str(each.cause)] += 1
                self._tally.add(str(each.cause))


def _tell(counts: Mapping[str, int]) -> None:
    _log.warning("decisions_defaulted", extra={"causes": dict(counts)})
