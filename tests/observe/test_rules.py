"""Alerts fire when they should, know only metrics that exist, and lead to a page that says what to do."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS
from tests.observe.agreed import AGREED
from tests.observe.dashboards import FOLDER
from tests.observe.instruments import family, instruments
from tests.observe.panels import DASHBOARDS

PROMTOOL = FOLDER.parents[1] / ".prometheus" / "usr" / "bin" / "promtool"
SCENARIOS = sorted((Path(__file__).parent / "rules").glob("*.yml"))
RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((FOLDER / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RUNBOOK = DOCS / "how-to" / "runbook.md"
KNOWN = instruments() | {name: frozenset(labels) for name, labels in AGREED.items()}
OURS = re.compile(r"(?<![\w:])(propensity_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
OF_PROMETHEUS = {"job", "instance", "le"}


def expressions() -> Iterator[tuple[str, str]]:
    """Every query of rules and panels with its name."""
    for rule in RULES:
        yield str(rule.get("alert") or rule["record"]), rule["expr"]
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries.values():
                yield panel.title, query


EXPRESSIONS = list(expressions())


@pytest.mark.full
def test_promtool_finds_nothing_wrong_with_configuration_and_rules() -> None:
    done = subprocess.run(
        [PROMTOOL, "check", "config", FOLDER / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall("SUCCESS", done.stdout)) >= 3


@pytest.mark.full
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_alerts_fire_on_trouble_and_on_nothing_else(path: Path) -> None:
    done = subprocess.run(
        [PROMTOOL, "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_scenario_in_which_it_fires() -> None:
    fired = {
        name
        for path in SCENARIOS
        for sample in re.findall(r"exp_samples: \[(\{.*\})\]", path.read_text())
        for name in re.findall(r'alertname="(\w+)"', sample)
    }
    assert fired == ALERTS.keys()


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_a_query_asks_for_metrics_and_labels_that_exist(name: str, expression: str) -> None:
    for metric, selected in OURS.findall(re.sub(r"\b\w+:propensity_[\w:]+", "", expression)):
        assert family(metric) in KNOWN, f"{name}: {metric}"
        unknown = set(LABEL.findall(selected)) - KNOWN[family(metric)] - OF_PROMETHEUS
        assert not unknown, f"{name}: {metric} has no {unknown}"


def test_labels_that_queries_group_by_exist() -> None:
    grouped = {
        label.strip()
        for _, expression in EXPRESSIONS
        for labels in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression)
        for label in labels.split(",")
    }
    assert grouped <= frozenset().union(*KNOWN.values()) | OF_PROMETHEUS


def test_what_is_recorded_is_asked_for_and_the_other_way_round() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {
        name for _, text in EXPRESSIONS for name in re.findall(r"\b\w+:propensity_[\w:]+", text)
    }
    assert recorded == asked


def test_what_was_agreed_has_the_labels_that_the_code_has() -> None:
    found = instruments()
    assert {name: AGREED[name] for name in AGREED.keys() & found.keys()} == {
        name: set(found[name]) for name in AGREED.keys() & found.keys()
    }


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {
        family(name)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries.values()
        for name, _ in OURS.findall(query)
    }
    assert KNOWN.keys() <= shown


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_and_where_to_read_on(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert ALERTS[name]["labels"]["severity"] in {"page", "ticket"}
    assert annotations["summary"]
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"].endswith(f"/how-to/runbook/#{name.lower()}")


def test_the_runbook_has_a_section_for_each_alert_and_for_nothing_else() -> None:
    sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    by_name = {section.partition("\n")[0]: section for section in sections}
    assert by_name.keys() == ALERTS.keys()
    for name, section in by_name.items():
        for part in ("**Means.**", "**Look.**", "**Do.**"):
            assert part in section, f"{name}: {part}"
