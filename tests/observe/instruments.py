"""The metrics of the code: their names as Prometheus has them, and the labels of each."""

import re

from tests.docs.metrics import instruments as every_instrument
from tests.docs.metrics import metrics_of

LATE = {"propensity_feature_values": frozenset({"model", "version", "feature", "le"})}
"""Registered by no instrument: each feature of a version has bins of its own."""
_PARTS = re.compile(r"_(bucket|count|sum)$")


def instruments() -> dict[str, frozenset[str]]:
    """Labels by name, of every instrument that a process may have."""
    found = dict(LATE)
    for instrument in every_instrument():
        for name, kind, labels, _ in metrics_of(instrument):
            le = {"le"} if kind == "histogram" else set[str]()
            found[name] = frozenset(filter(None, labels.split(", "))) | le
    return found


def family(name: str) -> str:
    """The metric that a series belongs to."""
    return _PARTS.sub("", name)
