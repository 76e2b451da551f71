"""The dashboards as Grafana's JSON."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from tests.observe.panels import DASHBOARDS, Dashboard, Panel

FOLDER = Path(__file__).parents[2] / "deploy" / "observe"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 39
"""Grafana 10.4's; newer ones read it."""
_WIDTH, _HEIGHT, _ACROSS = 8, 7, 24
_BARELY = 1e-6
"""The line of a limit of nought: at nought itself everything would be red."""


def dashboards() -> Mapping[Path, str]:
    """Every file with its text."""
    return {
        FOLDER / "grafana" / "dashboards" / f"{each.name}.json": json.dumps(model(each), indent=1)
        + "\n"
        for each in DASHBOARDS
    }


def model(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana stores it."""
    return {
        "uid": f"propensity-{dashboard.name}",
        "title": f"propensity: {dashboard.name}",
        "description": dashboard.says,
        "tags": ["propensity"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "annotations": {"list": [_firing()]},
        "links": [_others()],
        "panels": list(_panels(dashboard)),
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "job",
            "label": "Job",
            "type": "query",
            "datasource": SOURCE,
            "query": 'label_values(up{job=~"propensity.*"}, job)',
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _firing() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": SOURCE,
        "target": {"refId": "A", "expr": 'ALERTS{alertname=~"Propensity.*",alertstate="firing"}'},
    }


def _others() -> dict[str, Any]:
    return {
        "title": "propensity",
        "type": "dashboards",
        "tags": ["propensity"],
        "icon": "external link",
        "tooltip": "The other dashboards",
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    ids, y = count(1), 0
    for title, panels in dashboard.sections.items():
        yield {
            "id": next(ids),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": _ACROSS, "h": 1},
            "panels": [],
        }
        y += 1
        for place, panel in enumerate(panels):
            row, column = divmod(place, _ACROSS // _WIDTH)
            at = {"x": column * _WIDTH, "y": y + row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            yield _panel(panel, next(ids), at)
        y += -(-len(panels) * _WIDTH // _ACROSS) * _HEIGHT


def _panel(panel: Panel, number: int, at: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "heatmap" if panel.heat else "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": at,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "format": "heatmap" if panel.heat else "time_series",
                "range": True,
            }
            for place, (legend, expression) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {"defaults": {} if panel.heat else _field(panel), "overrides": []},
        "options": _heat_options(panel) if panel.heat else _OPTIONS,
    }


_OPTIONS = {
    "legend": {
        "displayMode": "list",
        "placement": "bottom",
        "showLegend": True,
        "calcs": ["lastNotNull"],
    },
    "tooltip": {"mode": "multi", "sort": "desc"},
}


def _field(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit or _BARELY})
    return {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 10,
            "spanNulls": False,
            "thresholdsStyle": {"mode": "off" if panel.limit is None else "dashed+area"},
        },
    }


def _heat_options(panel: Panel) -> dict[str, Any]:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
            "fill": "dark-orange",
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit},
    }
