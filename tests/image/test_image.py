"""The image as an operator runs it, on the embedded engine; `make image-test` builds it first."""

import json
import os
import re
import signal
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from tests.cli.conftest import purchases, write_csv
from tests.conftest import a_prefix

pytestmark = pytest.mark.image

ROOT = Path(__file__).parents[2]
SERVING, TRAINING = "localhost/propensity", "localhost/propensity-train"
MOST_MB = 350
USER = 10_001
BUILDAH = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
COMPILERS = re.compile(r"^(gcc|g\+\+|cc|c\+\+|clang|ld|as|rustc|go)(-[\d.]+)?$")


def buildah(*arguments: str) -> str:
    """What the command printed."""
    done = subprocess.run(
        ["buildah", *arguments], env=BUILDAH, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


class Container:
    """A container of an image, with a folder of the host as its home."""

    def __init__(self, image: str, home: Path, settings: dict[str, str]) -> None:
        self.name = buildah("from", "--pull-never", image)
        self._options = ["--network", "host", "--volume", f"{home}:/var/lib/propensity"]
        for name, value in settings.items():
            self._options += ["--env", f"{name}={value}"]

    def command(self, *arguments: str) -> list[str]:
        """What runs that in the container."""
        return ["buildah", "run", *self._options, self.name, "--", *arguments]

    def run(self, *arguments: str) -> str:
        """What a command in it printed."""
        return buildah(*self.command(*arguments)[1:])

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until the block ends."""
        process = subprocess.Popen(
            self.command(*arguments), env=BUILDAH, text=True, start_new_session=True
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that belongs to the image's user."""
    folder = tmp_path_factory.mktemp("home")
    for each in (folder, *folder.parents[:3]):
        each.chmod(0o755)
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture(scope="module")
def settings(engine: EmbeddedEngine) -> dict[str, str]:
    """Where the engine is, and tables of our own."""
    return {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://{HOST}:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
        "PROPENSITY_QUEUE": "image-purchases",
        "PROPENSITY_READ_TIMEOUT_S": "20",
        "PROPENSITY_READ_DEADLINE_S": "30",
    }


@contextmanager
def container(image: str, home: Path, settings: dict[str, str]) -> Iterator[Container]:
    made = Container(image, home, settings)
    try:
        yield made
    finally:
        buildah("rm", made.name)


@pytest.fixture(scope="module")
def serving(home: Path, settings: dict[str, str]) -> Iterator[Container]:
    with container(SERVING, home, settings) as made:
        yield made


@pytest.fixture(scope="module")
def files(serving: Container) -> Path:
    """The container's files."""
    return Path(buildah("mount", serving.name))


def every_file(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            yield Path(folder) / name


def test_it_is_small_and_has_no_compiler_and_no_installer(files: Path) -> None:
    sizes = {p.lstat().st_ino: p.lstat().st_size for p in every_file(files) if not p.is_dir()}
    assert sum(sizes.values()) < MOST_MB * 1_000_000, f"{sum(sizes.values()) / 1e6:.0f} MB"
    names = {each.name for each in every_file(files) if os.access(each, os.X_OK) and each.is_file()}
    assert not [name for name in names if COMPILERS.match(name)]
    assert not {"pip", "pip3", "apt-get"} & names


def test_its_user_is_nobody_special_and_may_write_next_to_nothing(files: Path) -> None:
    described = json.loads(buildah("inspect", "--type", "image", SERVING))
    config = described["OCIv1"]["config"]
    assert config["User"] == f"{USER}:{USER}"
    writable = {
        "/" + str(each.relative_to(files))
        for each in every_file(files)
        if not each.is_symlink()
        and (each.lstat().st_uid == USER or each.lstat().st_mode & stat.S_IWOTH)
        and not str(each.relative_to(files)).startswith(("dev", "proc", "sys"))
    }
    assert writable <= {"/tmp", "/var/tmp", "/run/lock", "/var/lib/propensity"}  # noqa: S108  # names
    assert described["Docker"]["config"]["Healthcheck"]["Test"][0] == "CMD"


def test_it_says_what_is_in_it(files: Path) -> None:
    bill = json.loads((files / "opt/propensity/sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    found = {
        (re.sub(r"[._-]+", "-", each["name"].lower()), each["version"])
        for each in bill["components"]
    }
    lock = (ROOT / "requirements-serve.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    assert found - pinned == {("propensity", version("propensity"))}
    assert {"litestar", "onnxruntime", "pynamodb", "numpy", "uvicorn"} <= {n for n, _ in found}


def test_it_trains_serves_predicts_and_works(
    serving: Container, home: Path, settings: dict[str, str]
) -> None:
    write_csv(home / "purchases.csv", purchases(200))
    assert serving.run("propensity", "--version") == version("propensity")
    serving.run("propensity", "tables", "create")
    serving.run("propensity", "worker", "create")
    with container(TRAINING, home, settings) as training:
        training.run("propensity", "import", "/var/lib/propensity/purchases.csv")
        training.run("propensity", "train", "--features", "rfm_90d")
        training.run(
            "propensity", "models", "promote", "purchase-propensity", "1", "--reason", "first"
        )
    told = json.loads(serving.run("propensity", "predict", "c0", "--json"))
    assert 0.0 < told["probability"] < 1.0

    port = str(free_port())
    with serving.running("propensity", "serve", "--port", port) as server:
        address = f"http://{HOST}:{port}"
        _wait_for(f"{address}/readyz", server)
        path = f"{address}/v1/customers/c0/propensity"
        with urllib.request.urlopen(path) as answer:  # noqa: S310  # ours
            assert json.load(answer)["model"]["version"] == 1
        check = json.loads(buildah("inspect", "--type", "image", SERVING))
        command = check["Docker"]["config"]["Healthcheck"]["Test"][1:]
        healthy = Container(SERVING, home, {"PROPENSITY_PORT": port})
        healthy.run(*command)
        buildah("rm", healthy.name)

    with serving.running("propensity", "worker"):
        time.sleep(3)  # it has begun to ask the queue


def _wait_for(address: str, server: subprocess.Popen[str]) -> None:
    while True:
        assert server.poll() is None, "the server ended"
        with suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  # ours
            return
        time.sleep(0.2)
