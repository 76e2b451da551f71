"""What Prometheus is told of inputs and drift: every answer, and nothing of versions long gone."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from dataclasses import replace
from math import nan
import numpy as np
from prometheus_client import CollectorRegistry
from adapters.metrics.drift import DriftMetrics
from domain.drift import Sample, compare, tally_of
from model_registry.serving import DriftState, VersionDrift
from tests.unit.test_asked import a_model
from tests.unit.test_drift import a_matrix

metrics = DriftMetrics(CollectorRegistry())
for version in (1, 2):
    model = a_model(version)
    reference = model.reference
    values = np.column_stack(a_matrix(500, seed=version))
    codes = reference.codes(values)
    for start in range(0, 500, 100):
        some = slice(start, start + 100)
        metrics.counted(model, reference, values[some], codes[some])
    comparison = compare(reference.named_bins, reference.sample, Sample.of([tally_of(codes)]))
    drift = VersionDrift(
        version=version, day=0, against=None, independent=500.0, comparison=comparison,
        state=DriftState.NONE,
    )
    metrics.found(model.name, [drift])
unknown = VersionDrift(version=3, day=0, against=None, state=DriftState.UNKNOWN)
metrics.found(model.name, [drift, unknown])
"""


@pytest.fixture(scope="module")
def samples(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample after two versions answered 500 times each, and a third one serves instead."""
    folder = tmp_path_factory.mktemp("metrics")
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder), "PATH": ""},
    )
    from prometheus_client import CollectorRegistry, multiprocess  # noqa: PLC0415

    collector = multiprocess.MultiProcessCollector(CollectorRegistry(), str(folder))  # type: ignore[no-untyped-call]
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in collector.collect()  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
FEATURE = "total_purchase_volume_30d"


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset({"model": "propensity", **labels}.items())]


@pytest.mark.parametrize("version", ["1", "2"])
def test_each_answer_is_in_a_bucket_or_missing(samples: Samples, version: str) -> None:
    of_feature = {"version": version, "feature": FEATURE}
    there = of(samples, "propensity_feature_values_count", **of_feature)
    missing = of(samples, "propensity_feature_missing_total", **of_feature)
    assert there + missing == 500
    assert missing == of(samples, "propensity_predictions_empty_history_total", version=version)
    counts = sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in samples.items()
        if name == "propensity_feature_values_bucket" and of_feature.items() <= dict(labels).items()
    )
    assert [value for _, value in counts] == sorted(value for _, value in counts)
    assert counts[-1] == (math.inf, there)
    assert of(samples, "propensity_feature_values_sum", **of_feature) > 0


def test_a_version_that_answers_no_more_has_no_alarm(samples: Samples) -> None:
    assert math.isnan(of(samples, "propensity_drift_alarm", version="1"))
    assert of(samples, "propensity_drift_alarm", version="2") == 0
    assert math.isnan(of(samples, "propensity_drift_alarm", version="3"))
    assert math.isnan(
        of(samples, "propensity_drift_population_stability", version="1", input=FEATURE)
    )
    value = of(samples, "propensity_drift_population_stability", version="2", input=FEATURE)
    threshold = of(
        samples,
        "propensity_drift_threshold",
        version="2",
        input=FEATURE,
        measure="population_stability",
    )
    assert 0 < value < threshold
    assert of(samples, "propensity_drift_customers", version="2") == 500


def test_the_number_of_series_is_that_of_versions_and_inputs(samples: Samples) -> None:
    drift = [name for name, _ in samples if name.startswith("propensity_drift_")]
    measures, versions, inputs = 3, 2, 3
    assert len(drift) == versions * inputs * measures * 2 + 2 * 3
