"""The dashboards are what Grafana reads, by the types that Grafana itself is built with."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observe.dashboards import FOLDER
from tests.observe.panels import DASHBOARDS

HERE = Path(__file__).parent
TSC = HERE / "node_modules" / ".bin" / "tsc"
FILES = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
CONFIGURATION = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,
        "module": "esnext",
        "moduleResolution": "bundler",
    },
    "files": ["check.ts"],
}


def statements(dashboard: dict[str, Any]) -> Iterator[str]:
    """Each part of a dashboard as TypeScript that compiles if its type has every member of it."""
    yield f"const dashboard: DashboardJson = {json.dumps(dashboard)};"
    for panel in dashboard["panels"]:
        for number, target in enumerate(panel.get("targets", [])):
            yield f"const query_{panel['id']}_{number}: QueryJson = {json.dumps(target)};"
        options = {"timeseries": "TimeSeriesOptionsJson", "heatmap": "HeatmapOptionsJson"}
        if kind := options.get(panel["type"]):
            yield f"const options_{panel['id']}: {kind} = {json.dumps(panel['options'])};"
        if custom := panel.get("fieldConfig", {}).get("defaults", {}).get("custom"):
            yield f"const custom_{panel['id']}: FieldConfigJson = {json.dumps(custom)};"


def complaints(folder: Path, dashboard: dict[str, Any]) -> str:
    """What the compiler says of a dashboard; empty when it is right."""
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "schema.ts").write_text((HERE / "schema.ts").read_text())
    (folder / "tsconfig.json").write_text(json.dumps(CONFIGURATION))
    names = "DashboardJson, QueryJson, TimeSeriesOptionsJson, HeatmapOptionsJson, FieldConfigJson"
    lines = [f"import type {{ {names} }} from './schema';", *statements(dashboard)]
    (folder / "check.ts").write_text("\n".join(lines))
    done = subprocess.run(
        [TSC, "--project", folder], capture_output=True, text=True, check=False, cwd=folder
    )
    return done.stdout + done.stderr


@pytest.mark.full
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafana_knows_every_member_of_a_dashboard(path: Path, tmp_path: Path) -> None:
    assert complaints(tmp_path, json.loads(path.read_text())) == ""


@pytest.mark.full
@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ((), {"titel": "x"}),
        (("panels", 1), {"gridPos": {"x": "left", "y": 0, "w": 8, "h": 7}}),
        (("panels", 1, "targets", 0), {"expression": "up"}),
        (("panels", 1, "fieldConfig", "defaults", "custom"), {"drawStyle": "lines"}),
        (("panels", 1, "options", "tooltip"), {"mode": "every"}),
    ],
)
def test_a_member_that_grafana_does_not_know_is_found(
    where: tuple[str | int, ...], wrong: dict[str, Any], tmp_path: Path
) -> None:
    dashboard = json.loads(FILES[0].read_text())
    part = dashboard
    for step in where:
        part = part[step]
    part.update(wrong)
    assert "error TS" in complaints(tmp_path, dashboard)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_do_not_overlap_and_have_numbers_of_their_own(path: Path) -> None:
    panels = json.loads(path.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for at in (panel["gridPos"] for panel in panels):
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken
                taken.add((x, y))


def test_every_dashboard_has_a_file_and_every_title_is_its_own() -> None:
    assert {path.stem for path in FILES} == {each.name for each in DASHBOARDS}
    titles = [panel.title for each in DASHBOARDS for panel in each.panels]
    assert len(set(titles)) == len(titles)


def test_grafana_is_told_where_prometheus_and_the_dashboards_are() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "propensity.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "propensity.yml").read_text())[
        "providers"
    ]
    assert (source["type"], source["access"]) == ("prometheus", "proxy")
    assert provider["type"] == "file"
    assert provider["options"]["path"]
