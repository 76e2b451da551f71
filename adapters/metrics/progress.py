"""How far long commands are, as Prometheus sees it."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from domain.purchases import Outcome


class ProgressMetrics:
    """Counts what a command has done so far: in the process that reports it, and each thing once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter(
            "propensity_import_rows",
            "Rows of an import by outcome, as its report counts them.",
            ["outcome"],
            registry=registry,
        )
        self._rebuilt = Counter(
            "propensity_rebuild_customers",
            "Customers whose recent purchases were computed again.",
            registry=registry,
        )
        self._listed = Counter(
            "propensity_audience_customers",
            "Customers of an audience that a command lists: scored, or unread.",
            ["outcome"],
            registry=registry,
        )

    def imported(self, rows: Mapping[Outcome, int], /) -> None:
        """So many more rows have these outcomes."""
        for outcome, count in rows.items():
            self._rows.labels(str(outcome)).inc(count)

    def rebuilt(self, customers: int, /) -> None:
        """So many more customers are done."""
        self._rebuilt.inc(customers)

    def listed(self, *, scored: int, unread: int) -> None:
        """So many more customers of the audience are done."""
        self._listed.labels("scored").inc(scored)
        self._listed.labels("unread").inc(unread)
