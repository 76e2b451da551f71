"""When metrics are exposed, and what is said where they cannot be."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import prometheus_client  # noqa: F401  # first imported in the block, it would write to its folder for ever
import pytest
from prometheus_client.samples import Sample

from adapters.listening import free_port
from adapters.metrics.exposition import FOLDER, FileCollector
from api.composition import exposed_metrics, metrics
from api.process import Settings
from domain.errors import Rejected


def test_without_a_port_nothing_is_exposed() -> None:
    with exposed_metrics(Settings()):
        pass


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, *_: Any) -> None:
        assert name == "prometheus_client"

    monkeypatch.setattr(metrics, "find_spec", absent)
    exposed = exposed_metrics(Settings(metrics_port=free_port()))
    with pytest.raises(Rejected, match=r"propensity\[metrics\]"):
        exposed.__enter__()


def test_what_fails_while_they_are_exposed_keeps_its_own_name() -> None:
    with (
        pytest.raises(ImportError, match="of somebody else"),
        exposed_metrics(Settings(metrics_port=free_port())),
    ):
        raise ImportError("of somebody else")


def test_a_file_that_a_starting_process_has_not_filled_yet_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").touch()
    assert list(FileCollector(tmp_path).collect()) == []


def test_processes_that_ended_leave_one_file_of_each_kind_and_every_count(tmp_path: Path) -> None:
    collector, begun = FileCollector(tmp_path), "from prometheus_client import *;"
    count = "Counter('asked', 'Asked.').inc(); Histogram('took', 'Took.', buckets=[1]).observe(0.5)"
    found: list[Sample] = []
    for _ in range(3):
        subprocess.run(
            [sys.executable, "-c", f"{begun} {count}; Gauge('now', 'Now.').set(1)"],
            env={**os.environ, FOLDER: str(tmp_path)},
            check=True,
        )
        found = [sample for metric in collector.collect() for sample in metric.samples]
        again = [sample for metric in collector.collect() for sample in metric.samples]
        assert found == again
    counts = {sample.name: sample.value for sample in found if not sample.labels}
    assert counts == {"asked_total": 3.0, "took_count": 3.0, "took_sum": 1.5}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "counter_ended.db",
        "histogram_ended.db",
    ]
