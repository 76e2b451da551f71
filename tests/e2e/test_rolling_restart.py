"""Servers restarted one after the other while clients ask: no request fails, nothing is lost."""

import itertools
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from tests.builders import raw_purchase
from tests.cli.test_models import trained_elsewhere
from tests.conftest import a_prefix
from tests.e2e.test_connections import PROPENSITY, Server, await_listening
from tests.loopback import PLAIN_HTTP

pytestmark = [pytest.mark.engine, pytest.mark.full]
LOOKS_EVERY_S = 0.05
"""How often the balancer asks each server whether it is ready."""
DRAIN_S = 10
"""Far more than the balancer needs to notice, unless the machine is very busy."""
CLIENTS = 2
Environment = dict[str, str]
Ask = Callable[[httpx.Client], httpx.Response]


@dataclass
class Balancer:
    """Sends each request to a server that said it was ready when it was last asked; tries once."""

    ports: Sequence[int]
    headers: dict[str, str] = field(default_factory=dict)
    also: Sequence[Ask] = ()
    ready: set[int] = field(default_factory=set)
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _turn: Iterator[int] = field(default_factory=itertools.count)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Clients ask one request after the other, over connections that are kept."""
        with ThreadPoolExecutor(len(self.ports) + CLIENTS) as threads:
            running = [threads.submit(self._look, port) for port in self.ports]
            self.until(lambda: self.ready == set(self.ports))
            running += [threads.submit(self._ask, number) for number in range(CLIENTS)]
            try:
                yield
            finally:
                self._ended.set()
            for each in running:
                each.result()

    def until(self, true: Callable[[], bool]) -> None:
        """Returns once it is so."""
        end = time.monotonic() + 300
        while not true():
            assert time.monotonic() < end, (self.ready, self.failures[:3])
            time.sleep(0.02)  # polls processes of ours

    def goes_on(self) -> None:
        """Returns once every server that is ready has answered some more."""
        before = Counter(port for port, _ in self.answers.elements())
        self.until(
            lambda: all(
                sum(n for (p, _), n in list(self.answers.items()) if p == port) > before[port] + 10
                for port in self.ready
            )
        )

    def _look(self, port: int) -> None:
        while not self._ended.is_set():
            status = 0
            with suppress(httpx.TransportError):
                status = httpx.get(
                    f"http://127.0.0.1:{port}/readyz", verify=PLAIN_HTTP, timeout=60
                ).status_code
            (self.ready.add if status == 200 else self.ready.discard)(port)
            self._ended.wait(LOOKS_EVERY_S)

    def _ask(self, number: int) -> None:
        with ExitStack() as stack:
            servers = {
                port: stack.enter_context(
                    httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=PLAIN_HTTP, timeout=60)
                )
                for port in self.ports
            }
            for count in itertools.count():
                if self._ended.wait(0.005):  # leaves a busy machine something for the servers
                    return
                choice = sorted(self.ready)
                port = choice[next(self._turn) % len(choice)]
                self._one(servers[port], port, f"customer-{number}", count)

    def _one(self, server: httpx.Client, port: int, customer: str, count: int) -> None:
        """A prediction, a new purchase, or what else is asked, in turns."""
        purchase = raw_purchase(customer_id=customer, purchase_id=f"p{count}")
        kind = count % (2 + len(self.also))
        try:
            if kind == 1:
                answer = server.post(
                    "/v1/purchases", json={"purchases": [purchase]}, headers=self.headers
                )
            elif kind == 0:
                answer = server.get(f"/v1/customers/{customer}/propensity", headers=self.headers)
            else:
                answer = self.also[kind - 2](server)
        except httpx.HTTPError as exc:
            self.failures.append(repr(exc))
            return
        if answer.status_code != 200 or (kind == 1 and '"recorded"' not in answer.text):
            self.failures.append(f"{answer.status_code} {answer.text}")
        self.answers[port, answer.status_code] += 1


@pytest.fixture
def environment(home: Path, engine: EmbeddedEngine) -> Environment:
    """Of servers with tables and a model."""
    environment = os.environ | {
        "PROPENSITY_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{engine.port}",
        "PROPENSITY_TABLE_PREFIX": a_prefix(),
        "PROPENSITY_READ_TIMEOUT_S": "20",
        "PROPENSITY_READ_DEADLINE_S": "30",
        "PROPENSITY_WRITE_DEADLINE_S": "30",
        "PROPENSITY_DRAIN_S": str(DRAIN_S),
    }
    model = ["models", "register", "purchase-propensity", str(trained_elsewhere(home))]
    promotion = ["models", "promote", "purchase-propensity", "1", "--reason", "first"]
    for command in (["tables", "create"], model, promotion):
        subprocess.run([PROPENSITY, *command], cwd=home, env=environment, check=True)
    return environment


@contextmanager
def serving(home: Path, environment: Environment, port: int, *options: str) -> Iterator[Server]:
    """A server that listens."""
    command = [PROPENSITY, "serve", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=home, env=environment) as process:
        try:
            server = Server(process, port)
            await_listening(server)
            yield server
        finally:
            process.terminate()  # a kill would leave its workers behind
            process.wait(60)


def roll(servers: dict[int, Server], balancer: Balancer, start: Callable[[int], Server]) -> None:
    """One server after the other is stopped, and started anew."""
    for port, server in list(servers.items()):
        assert server.stop() == 0
        servers[port] = start(port)
        balancer.until(lambda port=port: port in balancer.ready)  # type: ignore[misc]
        balancer.goes_on()


@pytest.mark.early(60)
def test_a_rolling_restart_under_load_fails_no_request(
    home: Path, environment: Environment
) -> None:
    """Of servers of two processes; test_upgrades.py restarts those of one."""
    ports = [free_port(), free_port()]
    balancer = Balancer(ports)
    with ExitStack() as stack:

        def start(port: int) -> Server:
            return stack.enter_context(serving(home, environment, port, "--workers", "2"))

        servers = {port: start(port) for port in ports}
        with balancer.under_load():
            roll(servers, balancer, start)
    assert balancer.failures == []
    assert {status for _, status in balancer.answers} == {200}
    assert {port for port, _ in balancer.answers} == set(ports)


def test_sigterm_turns_readiness_first_and_everything_else_is_still_answered(
    home: Path, environment: Environment
) -> None:
    environment = environment | {"PROPENSITY_DRAIN_S": "300"}
    with serving(home, environment, free_port()) as server:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}", verify=PLAIN_HTTP, timeout=60
        ) as http:
            answer = http.get("/readyz")
            assert answer.status_code == 200
            for _ in range(2):  # systemd and a supervisor may both send it
                server.process.send_signal(signal.SIGTERM)
                end = time.monotonic() + 60
                while (answer := http.get("/readyz")).status_code == 200:
                    assert time.monotonic() < end
            assert answer.status_code == 503
            assert answer.json()["checks"]["tables"] == "ok"
            for path in ("/livez", "/v1/customers/customer-1/propensity"):
                answer = http.get(path)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        server.process.send_signal(signal.SIGINT)  # whoever does not want to wait
        assert server.process.wait(60) in {0, 130, -signal.SIGINT}
