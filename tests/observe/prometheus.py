"""Debian's Prometheus on loopback, with our rules, until the block ends."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.loopback import PLAIN_HTTP

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".prometheus"
_START_S = 60.0


@dataclass(frozen=True)
class Prometheus:
    """Where it answers."""

    address: str
    http: httpx.Client

    def over(
        self, query: str, *, until: float, seconds: int
    ) -> Sequence[tuple[Mapping[str, str], list[float]]]:
        """Each series with its values of so many seconds, one a second. `until` as time.time() has it.

        Raises:
            RuntimeError: Prometheus does not take the query.
        """
        asked: dict[str, str | float] = {
            "query": query,
            "start": until - seconds,
            "end": until,
            "step": 1,
        }
        answer = self.http.get("/api/v1/query_range", params=asked).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{query}: {answer['error']}")
        return [
            (each["metric"], [float(value) for _, value in each["values"]])
            for each in answer["data"]["result"]
        ]


@contextmanager
def prometheus(
    configuration: Path, storage: Path, port: int, *options: str
) -> Iterator[Prometheus]:
    """Raises:
    RuntimeError: it ended, or does not answer in time.
    """
    address = f"127.0.0.1:{port}"
    command = [
        str(UNPACKED / "usr/bin/prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={storage}",
        f"--web.listen-address={address}",
        f"--web.local-assets={UNPACKED / 'usr/share/prometheus/web'}",
        f"--web.console.templates={UNPACKED / 'etc/prometheus/consoles'}",
        f"--web.console.libraries={UNPACKED / 'etc/prometheus/console_libraries'}",
        "--log.level=error",
        *options,
    ]
    with subprocess.Popen(command) as process:
        try:
            _await(f"http://{address}/-/ready", process)
            with httpx.Client(base_url=f"http://{address}", verify=PLAIN_HTTP, timeout=60) as http:
                yield Prometheus(f"http://{address}", http)
        finally:
            process.terminate()


def _await(address: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(address, verify=PLAIN_HTTP, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)  # polls another process
    raise RuntimeError("Prometheus does not answer")
