"""Promotions and rollbacks while requests run: nothing fails, nothing mixes, everybody follows.

Two versions that give every customer a probability of their own take turns as champion, in a
server of several processes. Each answer must name a version with that version's probability and a
revision that made it champion, and that not all processes had left already when it was asked.
In the end one process is killed, and another one must take its place. Run: python -m benchmarks.swap_under_load
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event

import httpx
import numpy as np

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST, free_port
from api.composition import application, presence_only
from api.process import Settings, shown
from domain.features import total_purchase_volume_30d
from domain.values import Currency
from model_registry.registry import Registry
from model_registry.serving import Presence
from model_registry.versions import CalibrationBin, Candidate, GoldenVectors
from tests.loopback import PLAIN_HTTP

NAME = "purchase-propensity"
PROBABILITIES = {1: 0.25, 2: 0.75}
READY_S = 120.0
BACK = 5
"""Every so many changes one is a rollback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request got, and between which seconds of the monotonic clock it ran."""

    status: int
    began: float
    ended: float
    version: int = 0
    revision: int = 0
    probability: float = -1.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """All answers, when each revision was written, and how long everybody took to follow."""

    answers: list[Answer] = field(default_factory=list)
    written: dict[int, float] = field(default_factory=dict)
    champions: dict[int, int] = field(default_factory=dict)
    followed: list[tuple[float, int]] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    processes: int = 0
    replaced: bool = False

    @property
    def failed(self) -> Counter[int]:
        """How many requests failed, by status; 0 is no answer at all."""
        return Counter(answer.status for answer in self.answers if answer.status != 200)  # noqa: PLR2004  # OK

    @property
    def mixed(self) -> int:
        """How many answers do not fit together: version, its probability, its revision."""
        return sum(
            answer.probability != PROBABILITIES.get(answer.version)
            or self.champions.get(answer.revision) != answer.version
            for answer in self.answers
            if answer.status == 200  # noqa: PLR2004  # OK
        )

    @property
    def overtaken(self) -> int:
        """How many answers name a revision though all processes had followed a later one when asked."""
        moments = [moment for moment, _ in self.followed]
        due = (bisect(moments, answer.began) for answer in self.answers)
        return sum(
            place > 0 and 0 < answer.revision < self.followed[place - 1][1]
            for answer, place in zip(self.answers, due, strict=True)
        )

    def stale(self, most_s: float) -> int:
        """How many answers name a revision superseded for longer than that when asked."""
        never = float("inf")
        return sum(
            self.written.get(answer.revision + 1, never) + most_s < answer.began
            for answer in self.answers
        )


def swaps_under_load(*, processes: int, swaps: int, clients: int, poll_s: float) -> Outcome:
    """What became of every request while the champion changed so many times.

    Raises:
        RuntimeError: the server did not start.
        NotConverged: a process does not follow.
    """
    outcome = Outcome(processes=processes)
    with TemporaryDirectory() as folder, _server(Path(folder), processes, poll_s) as (url, at):
        registry, presence = at
        stopped = Event()
        with ThreadPoolExecutor(clients) as threads:
            asking = [threads.submit(_ask, url, number, stopped) for number in range(clients)]
            try:
                for number in range(swaps):
                    _swap(registry, presence, outcome, back=number % BACK == BACK - 1)
            finally:
                stopped.set()
            outcome.answers = [answer for future in asking for answer in future.result()]
        outcome.champions = {r.number: r.state.champion for r in registry.history(NAME)}
        outcome.replaced = _replaced(presence)
    return outcome


def _replaced(presence: Presence) -> bool:
    """Whether a process that was not there before serves, once one of those there was killed."""
    before = {process.process for process in presence.live(NAME)}
    os.kill(int(min(before).split("-")[-2]), signal.SIGKILL)
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if any(live.process not in before and live.revision for live in presence.live(NAME)):
            return True
        time.sleep(0.1)
    return False


def _swap(registry: Registry, presence: Presence, outcome: Outcome, *, back: bool) -> None:
    current = registry.current(NAME)
    champion = 1 if current is None else current.state.champion
    if back:
        revision = registry.rollback(NAME, actor="benchmark", reason="swap")
    else:
        revision = registry.promote(NAME, 3 - champion, actor="benchmark", reason="swap")
    written = outcome.written[revision.number] = time.monotonic()
    live = presence.await_served(
        NAME,
        revision.number,
        timeout_s=READY_S,
        seconds=time.monotonic,
        pause=lambda _: time.sleep(0.01),
    )
    outcome.followed.append((time.monotonic(), revision.number))
    outcome.lags.append(time.monotonic() - written)
    if len(live) != outcome.processes:
        raise RuntimeError(f"{len(live)} processes live, not {outcome.processes}")


def _ask(url: str, number: int, stopped: Event) -> list[Answer]:
    answers: list[Answer] = []
    with httpx.Client(base_url=url, verify=PLAIN_HTTP, timeout=60) as client:
        while not stopped.is_set():
            began = time.monotonic()
            try:
                response = client.get(f"/v1/customers/customer-{number}/propensity")
            except httpx.HTTPError:
                answers.append(Answer(status=0, began=began, ended=time.monotonic()))
                continue
            ended, status = time.monotonic(), response.status_code
            if status != 200:  # noqa: PLR2004  # OK
                answers.append(Answer(status=status, began=began, ended=ended))
                continue
            document = response.json()
            answers.append(
                Answer(
                    status=status,
                    began=began,
                    ended=ended,
                    version=document["model"]["version"],
                    revision=document["model"]["revision"],
                    probability=document["probability"],
                )
            )
    return answers


@contextmanager
def _server(
    folder: Path, processes: int, poll_s: float
) -> Iterator[tuple[str, tuple[Registry, Presence]]]:
    """A server of so many processes over an engine of its own, with the first version champion."""
    engine = EmbeddedEngine(folder / "engine", free_port())
    settings = Settings(
        home=folder,
        dynamodb_endpoint=f"http://{HOST}:{engine.port}",
        registry_poll_s=poll_s,
        read_timeout_s=20.0,
        read_deadline_s=30.0,
    )
    engine.start()
    try:
        with application(settings) as built:
            built.tables.create()
            for probability in PROBABILITIES.values():
                built.registry.register(NAME, _candidate(probability), actor="benchmark")
            built.registry.promote(NAME, 1, actor="benchmark", reason="first")
            with _serving(settings, processes) as url:
                yield url, (built.registry, presence_only(settings))
    finally:
        engine.stop()


@contextmanager
def _serving(settings: Settings, processes: int) -> Iterator[str]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("propensity")), "serve"]
    command += ["--port", str(port), "--workers", str(processes)]
    given = {name: value for name, value in shown(settings).items() if value is not None}
    environment = {f"PROPENSITY_{name.upper()}": str(value) for name, value in given.items()}
    with (
        (settings.home / "serve.log").open("w") as log,
        subprocess.Popen(command, stderr=log, env=os.environ | environment) as server,  # noqa: S603  # our own
    ):
        url = f"http://{HOST}:{port}"
        try:
            _await(settings, processes, server, url)
            yield url
        finally:
            server.terminate()
            server.wait(60)


def _await(settings: Settings, processes: int, server: subprocess.Popen[bytes], url: str) -> None:
    """Every process has loaded its model, and somebody listens: that is a moment later."""
    end = time.monotonic() + READY_S
    while len(presence_only(settings).live(NAME)) < processes or not _listens(url):
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError((settings.home / "serve.log").read_text())
        time.sleep(0.1)


def _listens(url: str) -> bool:
    try:
        httpx.get(f"{url}/livez", verify=PLAIN_HTTP, timeout=60)
    except httpx.ConnectError:
        return False
    return True


def _candidate(probability: float) -> Candidate:
    matrix = np.array([[0.0], [12.5]])
    return Candidate(
        scorer_kind="constant",
        scorer_options={"probability": probability, "width": 1},
        blobs={},
        features=total_purchase_volume_30d(Currency.of("USD")),
        horizon_days=30,
        golden=GoldenVectors(matrix, np.full(len(matrix), probability)),
        metrics={"log_loss": 0.5},
        calibration=(CalibrationBin(10, 0.25, 0.3),),
        facts={},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what happened; 0 when nothing failed, mixed or lagged beyond two looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--poll-s", type=float, default=1.0)
    asked = parser.parse_args(arguments)
    outcome = swaps_under_load(
        processes=asked.processes, swaps=asked.swaps, clients=asked.clients, poll_s=asked.poll_s
    )
    stale, slow = outcome.stale(2 * asked.poll_s), max(outcome.lags)
    print(  # noqa: T201  # the script's result
        f"{asked.swaps} promotions and rollbacks, {asked.processes} processes, a look every "
        f"{asked.poll_s:g} s: {len(outcome.answers):,} requests, failed: {outcome.failed.total()}, "
        f"mixed: {outcome.mixed}, of a version that all had left: {outcome.overtaken}, of one "
        f"superseded for over two looks: {stale}; everybody followed after "
        f"{median(outcome.lags):.2f} s (median), {slow:.2f} s (slowest); a killed process was "
        f"{'replaced' if outcome.replaced else 'NOT replaced'}"
    )
    wrong = outcome.failed.total() + outcome.mixed + outcome.overtaken + stale
    return 0 if not wrong and slow <= 2 * asked.poll_s and outcome.replaced else 1


if __name__ == "__main__":
    sys.exit(main())
