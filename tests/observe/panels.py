"""What the dashboards show: each panel's question, its queries, and the limit beyond which it is trouble.

`python -m tests.docs.generated` writes them as Grafana's JSON under deploy/observe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

JOB = 'job=~"$job"'
RATE = "[$__rate_interval]"
REQUESTS = (
    f'propensity_http_request_duration_seconds_count{{{JOB},route!~"/livez|/readyz|/v2/health/.*"'
)
"""Without its closing brace, for one more label."""
ONE_CUSTOMER = f'{JOB},route=~"/v1/customers/.*|/ofrep/.*",status=~"2.."'
CALLS = f"propensity_store_call_duration_seconds_count{{{JOB}"
ABOVE_NOUGHT = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One picture. Queries by their legend; with a limit, a value above it is trouble.

    `unit` is Grafana's name of it. A heat map shows the buckets of one histogram.
    """

    title: str
    says: str
    queries: Mapping[str, str]
    unit: str = "short"
    limit: float | None = None
    heat: bool = False


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """Panels by section. Its file and its address are named after `name`."""

    name: str
    says: str
    sections: Mapping[str, Sequence[Panel]]

    @property
    def panels(self) -> Sequence[Panel]:
        """Every panel."""
        return [panel for section in self.sections.values() for panel in section]


def _rate(metric: str, by: str = "job", **labels: str) -> str:
    chosen = ",".join([JOB, *(f'{name}=~"{value}"' for name, value in labels.items())])
    return f"sum by ({by}) (rate({metric}{{{chosen}}}{RATE}))"


def _share(part: str, whole: str) -> str:
    """Nought where nothing of the part was ever seen."""
    return f"({part} or 0 * {whole}) / {whole}"


def _quantile(share: float, histogram: str, by: str = "job", selected: str = JOB) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({histogram}_bucket{{{selected}}}{RATE})))"


def _mean(histogram: str, by: str) -> str:
    return f"{_rate(f'{histogram}_sum', by)} / {_rate(f'{histogram}_count', by)}"


_ALL_REQUESTS = f"sum by (job) (rate({REQUESTS}}}{RATE}))"
_ALL_ONE = (
    f"sum by (job) (rate(propensity_http_request_duration_seconds_count{{{ONE_CUSTOMER}}}{RATE}))"
)
_QUICK_ONE = f'sum by (job) (rate(propensity_http_request_duration_seconds_bucket{{{ONE_CUSTOMER},le="0.128"}}{RATE}))'
_ALL_CALLS = f"sum by (job) (rate({CALLS}}}{RATE}))"
_DRIFT = f"{{{JOB}}} / on (job, instance, model, version, input) group_left propensity_drift_threshold{{{JOB},measure="


def _requests(status: str) -> str:
    return _share(f'sum by (job) (rate({REQUESTS},status=~"{status}"}}{RATE}))', _ALL_REQUESTS)


def _calls(outcome: str) -> str:
    return _share(f'sum by (job) (rate({CALLS},outcome="{outcome}"}}{RATE}))', _ALL_CALLS)


SERVICE = Dashboard(
    name="service",
    says="Whether people get answers, how fast, and what the processes are at.",
    sections={
        "Answers": [
            Panel(
                title="Requests that fail",
                says="Share of requests answered with a 5xx, refusals for want of a place included. Health is left out.",
                queries={"{{job}}": _requests("5..")},
                unit="percentunit",
                limit=0.001,
            ),
            Panel(
                title="Predictions slower than 128 ms",
                says="Share of the answers for one customer.",
                queries={"{{job}}": f"1 - {_QUICK_ONE} / {_ALL_ONE}"},
                unit="percentunit",
                limit=0.01,
            ),
            Panel(
                title="Requests that are wrong",
                says="Share of requests answered with a 4xx: a caller has changed, or has lost its key.",
                queries={"{{job}}": _requests("4(0|1|2|3|4|5|6|7|8).|49[0-8]")},
                unit="percentunit",
                limit=0.05,
            ),
            Panel(
                title="Requests",
                says="Answers a second by route and status.",
                queries={
                    "{{route}} {{status}}": f"sum by (route, status) (rate({REQUESTS}}}{RATE}))"
                },
                unit="reqps",
            ),
            Panel(
                title="Duration of predictions",
                says="Of half of the answers for one customer, and of all but one in a hundred.",
                queries={
                    f"{share:g} {{{{job}}}}": _quantile(
                        share, "propensity_http_request_duration_seconds", selected=ONE_CUSTOMER
                    )
                    for share in (0.5, 0.99)
                },
                unit="s",
            ),
            Panel(
                title="How fast the month's budgets burn",
                says="1: the budget lasts exactly a month. Over the last hour.",
                queries={
                    "failures {{job}}": f"job:propensity_http_errors:ratio_rate1h{{{JOB}}} / 0.001",
                    "slow {{job}}": f"job:propensity_slow_predictions:ratio_rate1h{{{JOB}}} / 0.01",
                },
            ),
        ],
        "Load": [
            Panel(
                title="Requests shed",
                says="Refusals a second, because every place and the queue were full.",
                queries={"{{job}}": _rate("propensity_http_requests_shed_total")},
                unit="reqps",
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Requests in work, and waiting",
                says="Over all processes.",
                queries={
                    "in work {{job}}": f"sum by (job) (propensity_http_requests_in_work{{{JOB}}})",
                    "waiting {{job}}": f"sum by (job) (propensity_http_requests_waiting{{{JOB}}})",
                },
            ),
            Panel(
                title="Event loop comes late",
                says="How late one time in twenty. Every request of the process waits so long.",
                queries={"{{job}}": _quantile(0.95, "propensity_event_loop_lag_seconds")},
                unit="s",
                limit=0.128,
            ),
        ],
        "Processes": [
            Panel(
                title="Targets that do not answer",
                says="Servers and workers whose metrics Prometheus asks for in vain.",
                queries={"{{instance}}": f"1 - up{{{JOB}}}"},
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Processes that run",
                says="Each looks at its event loop once a second; one that hangs is not counted.",
                queries={"{{job}}": _rate("propensity_event_loop_lag_seconds_count")},
            ),
            Panel(
                title="Memory",
                says="Resident memory of all processes of a target.",
                queries={"{{instance}}": f"propensity_process_resident_memory_bytes{{{JOB}}}"},
                unit="bytes",
            ),
            Panel(
                title="Open descriptors",
                says="Of all processes of a target.",
                queries={"{{instance}}": f"propensity_process_open_fds{{{JOB}}}"},
            ),
            Panel(
                title="Free disk",
                says="Where the registry or the decision log is a folder of the machine.",
                queries={"{{folder}} {{instance}}": f"propensity_disk_free_bytes{{{JOB}}}"},
                unit="bytes",
            ),
        ],
    },
)

STORE = Dashboard(
    name="store",
    says="Calls to DynamoDB: what became of them, how long they took, what they cost.",
    sections={
        "What becomes of calls": [
            Panel(
                title="Calls that get no answer",
                says="Share. After five in a row nobody waits for the store; a call every half second looks.",
                queries={"{{job}}": _calls("silent")},
                unit="percentunit",
                limit=0.01,
            ),
            Panel(
                title="Calls that are throttled",
                says="Share. They are retried until their deadline.",
                queries={"{{job}}": _calls("throttled")},
                unit="percentunit",
                limit=0.01,
            ),
            Panel(
                title="Calls that are refused",
                says="Share: credentials, rights, or a table that is gone.",
                queries={"{{job}}": _calls("refused")},
                unit="percentunit",
                limit=0.001,
            ),
            Panel(
                title="Calls that meet another transaction",
                says="Share. Two writers at the same customer.",
                queries={"{{job}}": _calls("conflict")},
                unit="percentunit",
                limit=0.01,
            ),
            Panel(
                title="Keys left for later",
                says="Keys and items of batches that DynamoDB did not read or write, a second.",
                queries={
                    "{{operation}}": _rate("propensity_store_unprocessed_total", "job, operation")
                },
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Calls",
                says="A second, by operation and outcome.",
                queries={
                    "{{operation}} {{outcome}}": f"sum by (operation, outcome) (rate({CALLS}}}{RATE}))"
                },
                unit="reqps",
            ),
        ],
        "Duration and cost": [
            Panel(
                title="Slowest answers",
                says="Duration that one answer in a hundred exceeds, by operation.",
                queries={
                    "{{operation}}": _quantile(
                        0.99,
                        "propensity_store_call_duration_seconds",
                        "job, operation",
                        f'{JOB},outcome="answered"',
                    )
                },
                unit="s",
                limit=0.128,
            ),
            Panel(
                title="Typical answers",
                says="Duration that half of the answers exceed, by operation.",
                queries={
                    "{{operation}}": _quantile(
                        0.5,
                        "propensity_store_call_duration_seconds",
                        "job, operation",
                        f'{JOB},outcome="answered"',
                    )
                },
                unit="s",
            ),
            Panel(
                title="Retries",
                says="Calls about to be sent again, a second.",
                queries={"{{job}}": _rate("propensity_store_retries_total")},
                unit="reqps",
            ),
            Panel(
                title="Units",
                says="Capacity units consumed a second. AWS bills them.",
                queries={
                    "{{operation}} {{kind}}": _rate(
                        "propensity_store_units_total", "operation, kind"
                    )
                },
            ),
        ],
    },
)

MODELS = Dashboard(
    name="models",
    says="What serves, what it answers, and whether the world is still that of training.",
    sections={
        "What serves": [
            Panel(
                title="Revisions behind the registry",
                says="How far the process that is furthest behind is from what was promoted.",
                queries={
                    "{{model}}": f"max by (job, model) (propensity_model_registry_revision{{{JOB}}}) "
                    f"- min by (job, model) (propensity_model_oldest_revision{{{JOB}}})"
                },
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="What could not be loaded",
                says="Problems that the processes report. `propensity models status NAME` says which.",
                queries={"{{model}}": f"sum by (job, model) (propensity_model_problems{{{JOB}}})"},
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Loads that fail",
                says="A second. A registry that does not answer counts too.",
                queries={"{{model}}": _rate("propensity_model_load_failures_total", "job, model")},
            ),
            Panel(
                title="Revisions",
                says="The oldest and the newest that any process serves, and the newest in the registry. 0: none.",
                queries={
                    "oldest {{model}}": f"min by (job, model) (propensity_model_oldest_revision{{{JOB}}})",
                    "newest {{model}}": f"max by (job, model) (propensity_model_newest_revision{{{JOB}}})",
                    "registry {{model}}": f"max by (job, model) (propensity_model_registry_revision{{{JOB}}})",
                },
            ),
            Panel(
                title="Age of what serves",
                says="Time since the revision that serves was made.",
                queries={
                    "{{model}}": f"time() - min by (job, model) (propensity_model_revision_created_timestamp_seconds{{{JOB}}})"
                },
                unit="s",
            ),
            Panel(
                title="Shadows that fail",
                says="Predictions of shadows a second that failed, or were dropped for want of time.",
                queries={
                    "{{model}} {{version}} {{outcome}}": _rate(
                        "propensity_shadow_predictions_total",
                        "job, model, version, outcome",
                        outcome="failed|dropped",
                    )
                },
                limit=ABOVE_NOUGHT,
            ),
        ],
        "What it answers": [
            Panel(
                title="Predictions",
                says="A second, by version and arm.",
                queries={
                    "{{model}} {{version}} {{arm}}": _rate(
                        "propensity_predictions_total", "model, version, arm"
                    )
                },
                unit="reqps",
            ),
            Panel(
                title="Share that is shown the banner",
                says="By version.",
                queries={
                    "{{model}} {{version}}": _share(
                        _rate("propensity_predictions_total", "model, version", decision="show"),
                        _rate("propensity_predictions_total", "model, version"),
                    )
                },
                unit="percentunit",
            ),
            Panel(
                title="Average probability",
                says="By version.",
                queries={
                    "{{model}} {{version}}": _mean(
                        "propensity_prediction_probability", "model, version"
                    )
                },
                unit="percentunit",
            ),
            Panel(
                title="Probabilities",
                says="How many answers a second lie in each twentieth.",
                queries={"{{le}}": _rate("propensity_prediction_probability_bucket", "le")},
                unit="percentunit",
                heat=True,
            ),
            Panel(
                title="Shadows that disagree",
                says="Share of the shadow's decisions that differ from the answer.",
                queries={
                    "{{model}} {{version}}": _share(
                        _rate(
                            "propensity_shadow_predictions_total",
                            "model, version",
                            outcome="disagreed",
                        ),
                        _rate(
                            "propensity_shadow_predictions_total",
                            "model, version",
                            outcome="agreed|disagreed",
                        ),
                    )
                },
                unit="percentunit",
            ),
        ],
        "Drift": [
            Panel(
                title="Drift",
                says="1: inputs or scores differ from those of training by more than chance.",
                queries={
                    "{{model}} {{version}}": f"max by (job, model, version) (propensity_drift_alarm{{{JOB}}})"
                },
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Population stability, beside its threshold",
                says="1: at the threshold for so many predictions. By input; the score is one.",
                queries={
                    "{{version}} {{input}}": f'propensity_drift_population_stability{_DRIFT}"population_stability"}}'
                },
            ),
            Panel(
                title="Jensen-Shannon distance, beside its threshold",
                says="1: at the threshold for so many predictions. By input; the score is one.",
                queries={
                    "{{version}} {{input}}": f'propensity_drift_jensen_shannon_distance{_DRIFT}"jensen_shannon"}}'
                },
            ),
            Panel(
                title="Share that is missing, beside its threshold",
                says="1: at the threshold for so many predictions. By input.",
                queries={
                    "{{version}} {{input}}": f'propensity_drift_missing_difference{_DRIFT}"missing"}}'
                },
            ),
            Panel(
                title="Customers of the day",
                says="Independent ones, at the least. A few show nothing but large drifts.",
                queries={
                    "{{model}} {{version}}": f"max by (job, model, version) (propensity_drift_customers{{{JOB}}})"
                },
            ),
            Panel(
                title="Average of each feature",
                says="By version.",
                queries={
                    "{{version}} {{feature}}": _mean(
                        "propensity_feature_values", "model, version, feature"
                    )
                },
            ),
            Panel(
                title="Features that are missing",
                says="A second, by version and feature.",
                queries={
                    "{{version}} {{feature}}": _rate(
                        "propensity_feature_missing_total", "model, version, feature"
                    )
                },
            ),
            Panel(
                title="Customers without any purchase",
                says="Share of predictions, by version.",
                queries={
                    "{{model}} {{version}}": _rate(
                        "propensity_predictions_empty_history_total", "model, version"
                    )
                    + " / "
                    + _rate("propensity_predictions_total", "model, version")
                },
                unit="percentunit",
            ),
        ],
        "Decision log": [
            Panel(
                title="Decisions dropped",
                says="A second. The log could not be written as fast as they came.",
                queries={"{{job}}": _rate("propensity_decisions_dropped_total")},
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Files that could not be written",
                says="A second.",
                queries={"{{job}}": _rate("propensity_decision_log_write_failures_total")},
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Decisions logged, and waiting",
                says="Logged a second by route; waiting in memory now.",
                queries={
                    "{{route}}": _rate("propensity_decisions_logged_total", "route"),
                    "waiting {{job}}": f"sum by (job) (propensity_decisions_waiting{{{JOB}}})",
                },
            ),
        ],
    },
)

QUEUE = Dashboard(
    name="queue",
    says="Purchases that come in, by the queue and otherwise, and long commands.",
    sections={
        "Queue": [
            Panel(
                title="Dead letters",
                says="Messages that could not be taken. Their purchases are not recorded.",
                queries={"{{job}}": f"max by (job) (propensity_queue_dead_letters{{{JOB}}})"},
                limit=ABOVE_NOUGHT,
            ),
            Panel(
                title="Age of messages when they are taken",
                says="Of all but one in twenty.",
                queries={"{{job}}": _quantile(0.95, "propensity_queue_message_age_seconds")},
                unit="s",
                limit=60,
            ),
            Panel(
                title="Messages in the queue",
                says="Visible: they wait. In flight: a worker has them.",
                queries={"{{state}}": f"max by (job, state) (propensity_queue_messages{{{JOB}}})"},
            ),
            Panel(
                title="Messages taken",
                says="A second, by what became of them.",
                queries={"{{outcome}}": _rate("propensity_queue_messages_taken_total", "outcome")},
            ),
        ],
        "Purchases": [
            Panel(
                title="Purchases that are refused",
                says="Share: invalid, or in contradiction to one that is known.",
                queries={
                    "{{job}}": _share(
                        _rate("propensity_purchases_total", outcome="rejected|conflict"),
                        _rate("propensity_purchases_total"),
                    )
                },
                unit="percentunit",
                limit=0.02,
            ),
            Panel(
                title="Purchases",
                says="A second, by outcome, all ways in.",
                queries={"{{outcome}}": _rate("propensity_purchases_total", "outcome")},
            ),
        ],
        "Long commands": [
            Panel(
                title="Rows imported",
                says="A second, by outcome.",
                queries={"{{outcome}}": _rate("propensity_import_rows_total", "outcome")},
            ),
            Panel(
                title="Customers rebuilt",
                says="A second.",
                queries={"{{job}}": _rate("propensity_rebuild_customers_total")},
            ),
            Panel(
                title="Customers of audiences",
                says="A second, by outcome.",
                queries={"{{outcome}}": _rate("propensity_audience_customers_total", "outcome")},
            ),
        ],
    },
)

DASHBOARDS = (SERVICE, STORE, MODELS, QUEUE)
