"""Where the CPU time goes: of predictions, of an audience and of a start, as shares of samples.

py-spy looks at the process many times a second, from outside: what Python runs, and what C code below
it. A sample counts for the innermost layer that it is in. Samples that wait for something do not count.
Run: python -m benchmarks.profiles
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.prediction_cost import CUSTOMERS, LOAD_CORE, SERVER_CORE, TENTHS_APART, asked
from benchmarks.processes import (
    canned_endpoint,
    embedded_endpoint,
    on_core,
    replayed_endpoint,
    trained_model,
)
from benchmarks.services import ours, started
from domain.values import MICROS_PER_SECOND, instant

SPY = Path(sys.executable).with_name("py-spy")
PER_SECOND = 400
_KERNEL = re.compile(r"^(writev?|sendm?s?g?|recvm?s?g?|read|epoll_\w+|__\w*send\w*) \(libc")
_WAITING = ("epoll_wait", "epoll_pwait", "PyThread_acquire_lock", "select_epoll_poll")
_LAYERS = (
    ("collecting garbage", ("gc_collect",)),
    ("logging", ("logging/", "structlog/", "access_log")),
    ("polling", ("api/process/polling", "drift_watching", "key_polling")),
    ("scoring", ("onnxruntime", "adapters/scorers/", "domain/prediction/propensity")),
    ("features", ("domain/features/",)),
    ("decoding purchases", ("adapters/dynamodb/schema/", "adapters/dynamodb/recent/")),
    ("the category's index", ("adapters/dynamodb/categories/",)),
    ("JSON", ("msgspec",)),
    (
        "asking DynamoDB",
        ("adapters/dynamodb/", "aiohttp", "yarl", "hmac", "_hashopenssl", "multidict"),
    ),
    ("Litestar", ("litestar/",)),
    ("our HTTP layer", ("api/http/", "api/documents/", "api/entry/")),
    ("uvicorn", ("uvicorn/", "httptools")),
    ("our domain", ("domain/",)),
    ("event loop", ("uvloop", "loop.c", "asyncio", "_asynciomodule")),
)
"""Where a sample belongs: the first frame from within that names one of these files decides."""
IMPORTS = "imports of a server"
_REST, _OURS = "the rest", "ours"
_SERVER = "import api.cli.serving, api.entry.protocol, api.entry.asgi, uvicorn, uvloop, aiohttp, onnxruntime"
CUSTOMERS_STREAMED = 60_000
_IMPORTS_S, _MOST_S, _PACKAGES = 2.0, 300.0, 12
Shares = Mapping[str, float]


def shares(stacks: Iterator[str]) -> Shares:
    """The share of each layer in py-spy's folded stacks, the largest first."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not any(name in frame for frame in frames[-3:] for name in _WAITING):
            found[_layer(frames)] += int(count)
    return {layer: count / found.total() for layer, count in found.most_common()}


def _layer(frames: Sequence[str]) -> str:
    if _KERNEL.match(frames[-1]):
        return "network, in the kernel"
    for frame in reversed(frames):
        for layer, names in _LAYERS:
            if any(name in frame for name in names):
                return layer
    return _REST


@contextmanager
def spied(process: int, seconds: float, form: str, output: Path) -> Iterator[None]:
    """py-spy watches the process for so long, while the block runs.

    Raises:
        CalledProcessError: it cannot.
    """
    command = [
        *(str(SPY), "record", "--native", "--rate", str(PER_SECOND), "--format", form),
        *("--duration", f"{seconds:.0f}", "--output", str(output), "--pid", str(process)),
    ]
    if form == "flamegraph":
        command.append("--gil")  # threads that wait would be most of the picture
    with on_core(LOAD_CORE):
        spy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  # as named
    yield
    if spy.wait() != 0:
        raise subprocess.CalledProcessError(spy.returncode, command)
    if form == "flamegraph":  # py-spy's title is its command, with paths of this machine
        output.write_text(output.read_text().replace(" ".join(command), "Predictions under load"))


def of_predictions(folder: Path, *, seconds: float, flames: Path | None) -> dict[str, Shares]:
    """The layers of predictions, alone and under load; the latter's flame graph goes to `flames`."""
    now = time.time_ns() // 1_000 // MICROS_PER_SECOND * MICROS_PER_SECOND
    as_of, found = instant.render(now), dict[str, Shares]()
    with ExitStack() as stack:
        with on_core(LOAD_CORE):
            engine = stack.enter_context(
                embedded_endpoint(CUSTOMERS, "--now", now, "--tenths-apart", TENTHS_APART)
            )
            replayed = stack.enter_context(replayed_endpoint(engine))
        running = stack.enter_context(started(ours(replayed, folder), core=SERVER_CORE))
        for in_flight in (1, 16):
            asked(running, as_of, requests=2 * CUSTOMERS, in_flight=in_flight)
            per_second = asked(running, as_of, requests=1_000, in_flight=in_flight)["per_second"]
            for form, output in (("raw", folder / "stacks"), ("flamegraph", flames)):
                if output is None or (form == "flamegraph" and in_flight == 1):
                    continue
                with spied(running.process, seconds, form, output):
                    most = round(per_second * (seconds + 2))
                    asked(running, as_of, requests=most, in_flight=in_flight)
            with (folder / "stacks").open() as stacks:
                found[f"prediction, {in_flight} in flight"] = shares(stacks)
    return found


def of_audience(folder: Path, *, customers: int) -> Shares:
    """The layers of a stream of so many customers of a canned endpoint."""
    with canned_endpoint(customers) as endpoint, on_core(SERVER_CORE):
        command = [sys.executable, "-m", "benchmarks.audience_stream"]
        command += ["--endpoint", endpoint, "--folder", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603  # ours
            time.sleep(_IMPORTS_S)
            with spied(process.pid, _MOST_S, "raw", folder / "stacks"):
                process.wait()
    with (folder / "stacks").open() as stacks:
        return shares(stacks)


def of_start() -> Shares:
    """The packages that a server imports until it answers, by the time that each takes itself."""
    timed = subprocess.run(  # noqa: S603  # as named
        [sys.executable, "-X", "importtime", "-c", _SERVER],
        capture_output=True,
        check=True,
        text=True,
    )
    found: Counter[str] = Counter()
    for itself, module in re.findall(
        r"^import time: +(\d+) \| +\d+ \| +(\S+)", timed.stderr, re.MULTILINE
    ):
        package = module.partition(".")[0]
        found[_OURS if package in {"api", "adapters", "domain", "model_registry"} else package] += (
            int(itself)
        )
    return {package: spent / found.total() for package, spent in found.most_common(_PACKAGES)}


def main() -> None:
    """Prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--seconds", type=float, default=10.0, help="of each profile of a server"
    )
    arguments.add_argument("--output", type=Path, help="write the shares as JSON")
    arguments.add_argument("--flames", type=Path, help="write the flame graph under load as SVG")
    options = arguments.parse_args()
    with trained_model() as folder:
        found = of_predictions(folder, seconds=options.seconds, flames=options.flames)
        found["audience"] = of_audience(folder, customers=CUSTOMERS_STREAMED)
    found[IMPORTS] = of_start()
    for what, layers in found.items():
        table = Table("layer", "share", title=what)
        for layer, share in layers.items():
            table.add_row(layer, f"{share:.1%}")
        Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
