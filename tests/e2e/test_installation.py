"""The wheel, installed by itself as the documentation says: a tool in an environment of its own."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from adapters.listening import free_port

pytestmark = pytest.mark.full
ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    words = [UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*words, "--out-dir", str(tmp_path), str(ROOT)], check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    return built


def test_the_wheel_holds_the_four_packages_typed_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {"domain", "model_registry", "adapters", "api"}
    assert {name.split("/")[0] for name in names} - packages == {
        f"propensity-{version('propensity')}.dist-info"
    }
    assert {f"{package}/py.typed" for package in packages} <= set(names)


def test_a_tool_installed_by_itself_runs_without_the_checkout(wheel: Path, home: Path) -> None:
    environment = os.environ | {
        "UV_TOOL_DIR": str(home / "tools"),
        "UV_TOOL_BIN_DIR": str(home / "bin"),
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }
    constraints = str(ROOT / "requirements-serve.lock")
    words = [UV, "tool", "install", "--python", sys.executable, "--constraints", constraints]
    subprocess.run([*words, str(wheel)], env=environment, check=True, capture_output=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(home / "bin" / "propensity"), *arguments],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("--version").stdout.split()[-1] == version("propensity")
    assert run("settings", "--json").returncode == 0
    assert run("tables", "check").returncode == 6  # nothing listens there
    refused = run("train")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr
