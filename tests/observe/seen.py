"""What each fault looks like on the dashboards: a table for the runbook, from real servers and workers.

Every fault has a deployment of its own, so all are seen side by side within two minutes. Windows of rules
and panels are seconds here. A panel is marked if its median is beyond its limit, and beyond twice what it
shows of a deployment without a fault. `make faults` writes the table, unless two faults look alike.
"""

import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from tests.docs.pages import DOCS
from tests.loopback import PLAIN_HTTP
from tests.observe.dashboards import FOLDER
from tests.observe.deployment import (
    CUSTOMERS,
    MODEL,
    Deployment,
    candidate,
    loaded,
    ordinary,
    run,
    running,
)
from tests.observe.faults import FAULTS, Fault
from tests.observe.panels import DASHBOARDS, Panel
from tests.observe.prometheus import Prometheus, prometheus

PAGE = DOCS / "how-to" / "runbook.md"
PLACE = re.compile(r"(<!-- generated: faults -->\n\n).*?(?=<!-- end -->)", re.DOTALL)
CALM_S, FAULT_S, SEEN_S = 12, 35, 20
CONTROL = "nothing"
"""A deployment without a fault: what it shows too is the machine's doing."""
SECONDS = {
    "5m": 6,
    "10m": 8,
    "15m": 10,
    "30m": 15,
    "1h": 20,
    "2h": 30,
    "6h": 30,
    "1d": 30,
    "3d": 30,
}
"""What the windows of the rules are here, where Prometheus asks once a second."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The panels that are beyond their limit, and the alerts that fire."""

    panels: frozenset[str]
    alerts: frozenset[str]


def quick(rules: str) -> str:
    """The rules for seconds instead of minutes and days."""
    windows = re.sub(r"\[(\w+)\]", lambda found: f"[{SECONDS[found[1]]}s]", rules)
    return re.sub(r"for: \w+", "for: 2s", windows).replace("86400)", "300)")


def configuration(folder: Path, deployments: Sequence[Deployment]) -> Path:
    """Our configuration and rules, each deployment as a job of its own."""
    (folder / "rules").mkdir()
    for path in (FOLDER / "rules").glob("*.yml"):
        (folder / "rules" / path.name).write_text(quick(path.read_text()))
    targets = [
        f'- targets: ["{HOST}:{each.metrics_port}"]\n  labels: {{job: {each.job}}}\n'
        for each in deployments
    ]
    (folder / "targets.yml").write_text("".join(targets))
    text = (FOLDER / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(text.replace("_interval: 15s", "_interval: 1s"))
    return folder / "prometheus.yml"


def seen(watching: Prometheus, jobs: Mapping[str, str]) -> Mapping[str, Seen]:
    """What lasted until now, of each job by its fault's name."""
    now = time.time()
    limits = {
        panel: panel.limit
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        if panel.limit is not None
    }
    levels = {
        name: {panel: level(watching, panel, job, now) for panel in limits}
        for name, job in jobs.items()
    }
    firing = {name: fired(watching, job, now) for name, job in jobs.items()}
    calm, usual = levels[CONTROL], firing[CONTROL]
    return {
        name: Seen(
            panels=frozenset(
                panel.title
                for panel, limit in limits.items()
                if levels[name][panel] > max(limit, 2 * calm[panel])
            ),
            alerts=firing[name] - usual,
        )
        for name in jobs
    }


def level(watching: Prometheus, panel: Panel, job: str, until: float) -> float:
    """The highest of the panel's series, each by its median; nought where there is none."""
    medians = [0.0]
    for query in panel.queries.values():
        asked = query.replace("$job", job).replace("$__rate_interval", "6s")
        for _, values in watching.over(asked, until=until, seconds=SEEN_S):
            numbers = [value for value in values if not isnan(value)]
            if len(numbers) > SEEN_S / 2:
                medians.append(median(numbers))
    return max(medians)


def fired(watching: Prometheus, job: str, until: float) -> frozenset[str]:
    """Alerts of the job that lasted; without those that take days to tell."""
    query = f'ALERTS{{alertname!~".*Slowly",alertstate="firing",job="{job}"}}'
    return frozenset(
        labels["alertname"]
        for labels, values in watching.over(query, until=until, seconds=SEEN_S)
        if len(values) > SEEN_S / 2
    )


@contextmanager
def deployments(folder: Path, engine: EmbeddedEngine) -> Iterator[Mapping[str, Deployment]]:
    """One of each fault by its name, running under an ordinary load."""
    endpoint = f"http://{HOST}:{engine.port}"
    first = folder / "first"
    first.mkdir()
    plain = ordinary(first, DYNAMODB_ENDPOINT=endpoint)
    run(plain, "tables", "create", home=first)
    constant: dict[str, object] = {"kind": "constant", "options": {"probability": 0.25, "width": 1}}
    run(plain, "models", "register", MODEL, candidate(first / "one", constant, 0.25), home=first)
    run(plain, "models", "promote", MODEL, "1", "--reason", "first", home=first)
    made = {fault.name: deployment(folder, fault, endpoint) for fault in FAULTS}
    with ExitStack() as stack:
        for each in made.values():
            stack.enter_context(running(each, engine.port))
        servers = [each for each in made.values() if each.command[0] == "serve"]
        with httpx.Client(verify=PLAIN_HTTP, timeout=60) as http:
            servers[0].buy(http, range(CUSTOMERS)).raise_for_status()
        for each in servers:
            stack.enter_context(loaded(each))
        yield made


def deployment(folder: Path, fault: Fault, endpoint: str) -> Deployment:
    """Not yet running. The registry is its own copy, and so is a worker's queue."""
    home = folder / fault.name
    shutil.copytree(folder / "first" / "registry", home / "registry")
    environment = ordinary(
        home,
        REGISTRY=str(home / "registry"),
        DYNAMODB_ENDPOINT=endpoint,
        QUEUE_ENDPOINT=endpoint,
        QUEUE=f"queue-{fault.name}",
        **fault.settings,
    )
    if fault.command == ("worker",):
        run(environment, "worker", "create", home=home)
    made = Deployment(
        job=f"propensity-{fault.name}", home=home, environment=environment, command=fault.command
    )
    if fault.from_the_start:
        made.hook = fault.from_the_start
    return made


def look() -> Mapping[str, Seen]:
    """What is seen of each fault.

    Raises:
        RuntimeError: a command fails, or does not answer in time.
    """
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        engine = EmbeddedEngine(folder / "engine", free_port())
        engine.start()
        stack.callback(engine.stop)
        made = stack.enter_context(deployments(folder, engine))
        watching = stack.enter_context(
            prometheus(configuration(folder, list(made.values())), folder / "storage", free_port())
        )
        time.sleep(CALM_S)  # there must be something before
        with ExitStack() as faults:
            for fault in FAULTS:
                faults.enter_context(fault.inject(made[fault.name]))
            time.sleep(FAULT_S)
            return seen(watching, {fault.name: made[fault.name].job for fault in FAULTS})


def table(found: Mapping[str, Seen]) -> str:
    """The table of the runbook."""
    rows = [
        f"| {fault.says} | {_listed(found[fault.name].panels)} | {_alerts(found[fault.name].alerts)} |"
        for fault in FAULTS
    ]
    return "\n".join(["| fault | beyond their limit | alerts |", "|---|---|---|", *rows])


def _listed(titles: AbstractSet[str]) -> str:
    ordered = [
        panel.title
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        if panel.title in titles
    ]
    return "<br>".join(ordered)


def _alerts(names: AbstractSet[str]) -> str:
    links = (f"[{name.removeprefix('Propensity')}](#{name.lower()})" for name in sorted(names))
    return "<br>".join(links)


def alike(found: Mapping[str, Seen]) -> Sequence[tuple[str, str]]:
    """Faults that the panels do not tell apart."""
    return [
        (one, other)
        for one, other in combinations(found, 2)
        if found[one].panels == found[other].panels
    ]


def main() -> int:
    """Writes the table; 1 where two faults look alike."""
    found = look()
    text = table(found)
    sys.stdout.write(text + "\n")
    if pairs := alike(found):
        sys.stderr.write(f"these look alike, so the table was not written: {pairs}\n")
        return 1
    PAGE.write_text(PLACE.sub(lambda place: f"{place[1]}{text}\n\n", PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
