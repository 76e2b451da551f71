"""The demo with metrics, some load, and Prometheus with our rules, until Ctrl-C. Run by `make observe`.

Of a hundred requests two ask for what is not there, and one purchase is wrong: faults to look at.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from adapters.listening import HOST, free_port, port_is_free
from tests.loopback import PLAIN_HTTP
from tests.observe.dashboards import FOLDER
from tests.observe.deployment import PROPENSITY, a_purchase
from tests.observe.prometheus import ROOT, prometheus

PROMETHEUS_PORT = 9090
"""As prometheus.yml says where the runbook is."""
CUSTOMERS = 300
PAUSE_S = 0.05
STOP_S = 60.0


@contextmanager
def demo(port: int, metrics_port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`propensity demo` with metrics; Ctrl-C reaches it as it reaches us."""
    environment = os.environ | {"PROPENSITY_METRICS_PORT": str(metrics_port)}
    few = ("--households", str(CUSTOMERS), "--no-visitors")
    command = [PROPENSITY, "demo", "--port", str(port), *few]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        except KeyboardInterrupt:
            process.wait(STOP_S)
            raise
        except BaseException:
            process.terminate()
            raise


def ready(address: str, process: "subprocess.Popen[bytes]") -> bool:
    """Whether the demo answers; waits for it while it runs."""
    while process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", verify=PLAIN_HTTP, timeout=5).is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.5)  # polls another process
    return False


def load(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Page views, purchases and audiences, until the demo ends."""
    with httpx.Client(base_url=address, verify=PLAIN_HTTP, timeout=10) as http:
        for number in count():
            if process.poll() is not None:
                return
            try:
                ask(http, number)
            except httpx.TransportError:
                continue
            time.sleep(PAUSE_S)  # a load that leaves the machine usable


def ask(http: httpx.Client, number: int) -> None:
    """The how-many-th request."""
    customer = f"household-{number % CUSTOMERS}"
    if number % 50 == 0:
        http.get("/v1/customer")
    elif number % 20 == 1:
        http.get("/v1/categories/grocery/propensities", params={"limit": 20})
    elif number % 10 == 2:
        purchase = a_purchase(f"shopper-{number % CUSTOMERS}", f"observed-{time.time_ns()}")
        wrong = {"amount_minor": None} if number % 100 == 2 else {}
        http.post("/v1/purchases", json={"purchases": [purchase | wrong]})
    else:
        http.get(f"/v1/customers/{customer}/propensity")


def configuration(folder: Path, metrics_port: int) -> Path:
    """The configuration as it is, with our demo as its target, asked every 5 seconds."""
    (folder / "rules").symlink_to(FOLDER / "rules")
    (folder / "targets.yml").write_text(f'- targets: ["{HOST}:{metrics_port}"]\n')
    text = (FOLDER / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(text.replace("_interval: 15s", "_interval: 5s"))
    return folder / "prometheus.yml"


def main() -> int:
    """Until Ctrl-C; 1 where the port of Prometheus is taken, or the demo ends by itself."""
    if not port_is_free(PROMETHEUS_PORT, HOST):
        sys.stderr.write(
            f"port {PROMETHEUS_PORT} is in use; end what uses it, and run this again\n"
        )
        return 1
    try:
        watch()
    except KeyboardInterrupt:
        return 0
    return 1


def watch() -> None:
    """Until Ctrl-C, or until the demo ends by itself."""
    port, metrics_port = free_port(), free_port()
    address, pages = f"http://{HOST}:{port}", f"--web.user-assets={ROOT / 'site'}"
    with TemporaryDirectory() as name, demo(port, metrics_port) as process:
        if not ready(address, process):
            return
        folder = Path(name)
        with prometheus(
            configuration(folder, metrics_port), folder / "data", PROMETHEUS_PORT, pages
        ) as watching:
            sys.stdout.write(
                f"\nPrometheus: {watching.address}/classic/alerts, {watching.address}/classic/graph\n"
                f"Runbook:    {watching.address}/user/how-to/runbook/\n"
                "Ctrl-C stops everything.\n"
            )
            sys.stdout.flush()
            load(address, process)


if __name__ == "__main__":
    sys.exit(main())
