"""A third party's scorer, installed from its own package: found, held to the contract, and served."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier

from model_registry.versions import GoldenVectors
from tests.plugins.serving import KIND
from tests.training_sets import a_training_set

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "boosted"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path, into which the example was built and installed without a network."""
    site = tmp_path_factory.mktemp("site")
    offline = ["--offline", "--no-cache", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", *offline]
    target = ["--python", sys.executable, "--target", str(site), str(PACKAGE)]
    subprocess.run([*command, *target], check=True)
    return site


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a graph of boosted trees, and what the trees answered before their export."""
    examples = a_training_set().training
    trees = GradientBoostingClassifier(n_estimators=50, random_state=0)
    trees.fit(examples.matrix, examples.labels)
    features = [("features", FloatTensorType([None, 1]))]
    graph = to_onnx(trees, initial_types=features, options={"zipmap": False})
    rows = examples.matrix[:50]
    folder = tmp_path_factory.mktemp("trained")
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    golden = GoldenVectors(rows, trees.predict_proba(rows)[:, 1])
    (folder / "golden.json").write_bytes(golden.encode())
    return folder


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of our interpreter, without settings but these."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PROPENSITY_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def serve(trained: Path, home: Path, *path: Path, scorers: str) -> subprocess.CompletedProcess[str]:
    return run(
        "-m",
        "tests.plugins.serving",
        str(trained),
        PYTHONPATH=os.pathsep.join(map(str, path)),
        PROPENSITY_HOME=str(home),
        PROPENSITY_SCORERS=scorers,
    )


def test_the_scorer_takes_at_most_20_lines() -> None:
    source = (PACKAGE / "src" / "boosted_trees" / "__init__.py").read_text()
    code = source[source.index("\nclass ") :]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_its_author_runs_our_contract_with_pytest(site: Path, trained: Path) -> None:
    done = run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(PACKAGE)),
        *("-c", str(PACKAGE / "pyproject.toml"), str(PACKAGE / "tests")),
        PYTHONPATH=os.pathsep.join([str(site), str(ROOT)]),
        BOOSTED_TREES_GRAPH=str(trained / "model.onnx"),
    )
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_installed_and_allowed_it_is_registered_promoted_and_served(
    site: Path, trained: Path, tmp_path: Path
) -> None:
    done = serve(trained, tmp_path, site, scorers=f"onnx,{KIND}")
    assert done.returncode == 0, done.stderr
    golden = GoldenVectors.decode("golden", (trained / "golden.json").read_bytes())
    assert np.array(json.loads(done.stdout)) == pytest.approx(golden.probabilities, abs=1e-6)


def test_installed_but_not_allowed_it_may_not_serve(
    site: Path, trained: Path, tmp_path: Path
) -> None:
    done = serve(trained, tmp_path, site, scorers="")
    assert done.returncode == 1
    assert (
        f"gate 'scorer': kind '{KIND}' of boosted-trees 1.0.0 is installed, but PROPENSITY_SCORERS "
        "allows only constant, linear, onnx; add it there if you trust that code"
    ) in done.stderr


def test_allowed_but_not_installed_it_may_not_serve(trained: Path, tmp_path: Path) -> None:
    done = serve(trained, tmp_path, scorers=KIND)
    assert done.returncode == 1
    assert f"gate 'scorer': no installed scorer is of kind '{KIND}'" in done.stderr


def test_two_distributions_of_its_kind_may_not_serve(
    site: Path, trained: Path, tmp_path: Path
) -> None:
    metadata = tmp_path / "fork" / "boosted_fork-2.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: boosted-fork\nVersion: 2.0\n")
    (metadata / "entry_points.txt").write_text(f"[propensity.scorers]\n{KIND} = fork:build\n")
    done = serve(trained, tmp_path, site, metadata.parent, scorers=KIND)
    assert done.returncode == 1
    assert (
        f"kind '{KIND}' is offered by boosted-fork 2.0 and boosted-trees 1.0.0; "
        "uninstall all but one"
    ) in done.stderr
