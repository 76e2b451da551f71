"""The whole product on real purchases: what `make demo` does, and what it leaves behind."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port, port_is_free
from domain.values import MICROS_PER_DAY, instant
from tests.loopback import PLAIN_HTTP

PROPENSITY = str(Path(sys.executable).with_name("propensity"))
READY_TIMEOUT_S = 240


@contextmanager
def demo(home: Path, port: int, engine_port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A running demo on a few households; killed at the end if it has not stopped."""
    environment = os.environ | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine_port}",
        "PROPENSITY_METRICS_PORT": "",  # another test's demo may have the usual one
    }
    with (home / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [PROPENSITY, "demo", "--port", str(port), "--households", "120", *options],
            cwd=home,
            env=environment,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            EmbeddedEngine(home / ".propensity" / "engine", engine_port).stop()


def await_ready(process: subprocess.Popen[str], server: httpx.Client, log: Path) -> None:
    end = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if server.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)  # polls a process of ours that is still loading
    pytest.fail(f"not ready: {log.read_text()}")


@pytest.mark.full
@pytest.mark.early(30)
def test_the_demo_loads_trains_serves_and_stops_what_it_started(home: Path) -> None:
    port, engine_port = free_port(), free_port()
    log = home / "demo.log"
    with (
        demo(home, port, engine_port, "--no-visitors") as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=PLAIN_HTTP, timeout=30) as server,
    ):
        await_ready(process, server, log)
        said = log.read_text()
        customer = said.split("/v1/customers/")[1].split("/")[0]
        before = server.get(f"/v1/customers/{customer}/propensity").json()
        version = {"champion": 1, "challenger": 2}[before["model"]["arm"]]
        assert before["model"] == {
            "name": "purchase-propensity",
            "version": version,
            "revision": 2,
            "arm": before["model"]["arm"],
        }
        assert 0 < before["probability"] < 1

        now = instant.parse(before["as_of"])
        purchase = {
            "customer_id": customer,
            "purchase_id": "e2e-1",
            "purchased_at": instant.render(now - MICROS_PER_DAY),
            "category": "jewellery",
            "amount_minor": 12_345,
            "currency": "USD",
        }
        report = server.post("/v1/purchases", json={"purchases": [purchase]}).json()
        assert [outcome["outcome"] for outcome in report["outcomes"]] == ["recorded"]
        after = server.get(f"/v1/customers/{customer}/propensity").json()
        assert after["purchases_read"] == before["purchases_read"] + 1
        ((bought, more),) = [
            [each["features"][name] for each in (before, after)]
            for name in before["features"]
            if name.endswith("purchase_count_30d)") or name == "purchase_count_30d"
        ]
        assert more > bought

        path = f"/v1/customers/{customer}/propensity"
        why = server.get(path, params={"explain": "true"}).json()
        odds = math.log(why["probability"] / (1 - why["probability"]))
        assert why["explanation"]["log_odds"] == pytest.approx(odds)
        members = server.get("/v1/categories/jewellery/propensities").json()
        assert [model["name"] for model in members["models"]] == ["category-propensity"]
        asked = {"model": "category-propensity", "category": "jewellery", "as_of": members["as_of"]}
        single = server.get(path, params=asked).json()
        assert [each["probability"] for each in members["members"]] == [single["probability"]]

        assert f"http://127.0.0.1:{port}/console" in said
        assert server.get("/console", follow_redirects=True).status_code == 200
        (campaign,) = server.get("/v1/campaigns").json()["campaigns"]
        assert campaign["sent_at"] is not None
        results = server.get(f"/v1/campaigns/{campaign['name']}/results").json()
        assert results["over"]
        assert results["treated"] + results["held_out"] > 40

        stranger = server.get("/v1/customers/nobody-knows-me/propensity").json()
        assert (stranger["history"], stranger["purchases_read"]) == ("empty", 0)

        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0, log.read_text()
        assert "nobody-knows-me" not in log.read_text()
        assert port_is_free(port)
        assert port_is_free(engine_port)
    assert (home / ".propensity" / "engine" / "state" / "dynamodb.json").exists()


@pytest.mark.full
def test_another_demo_goes_on_from_the_first_and_has_visitors(home: Path) -> None:
    port, engine_port = free_port(), free_port()
    log = home / "demo.log"
    registry = home / ".propensity" / "registry" / "models"
    versions: list[Path] = []
    for options in (["--no-visitors"], []):
        with (
            demo(home, port, engine_port, *options) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as server,
        ):
            await_ready(process, server, log)
            versions = sorted(registry.rglob("versions/*.json"))
            if not options:
                assert "of an earlier demo" in log.read_text()
                await_decisions(home / ".propensity" / "decisions")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0, log.read_text()
    assert len(versions) == 3


def await_decisions(folder: Path) -> None:
    """What visitors were told is logged: the console shows it."""
    end = time.monotonic() + READY_TIMEOUT_S
    while not list(folder.rglob("*.parquet")):
        assert time.monotonic() < end
        time.sleep(0.2)  # the log is written every ten seconds
