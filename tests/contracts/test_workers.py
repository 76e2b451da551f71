"""What all Workers promise; those of Dask in make test-full."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
import psutil
import pytest

import adapters.workers
from adapters.listening import HOST, free_port
from adapters.workers import DaskWorkers, ProcessWorkers
from domain.errors import InvalidRequest, StoreUnavailable
from domain.spreading import Workers
from tests.dask_cluster import dask_cluster
from tests.doubles.spread import ThreadWorkers

DASK = pytest.param("dask", marks=pytest.mark.full)


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Workers]:
    if kind == "dask":
        with dask_cluster(folder) as cluster:
            with distributed.Client(cluster.address, timeout="60s") as client:  # type: ignore[no-untyped-call]  # has no types
                client.wait_for_workers(2, timeout=60)  # each joins when it is ready
            yield DaskWorkers(cluster.address)
    else:
        yield ThreadWorkers(2) if kind == "threads" else ProcessWorkers(2)


@pytest.fixture(scope="module", params=["threads", "processes", DASK])
def workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    with opened(request.param, tmp_path_factory.mktemp("workers")) as found:
        yield found


@pytest.fixture
def executor(workers: Workers) -> Iterator[Executor]:
    with workers.open() as found:
        yield found


def refuse(reason: str) -> None:
    raise StoreUnavailable(reason, transient=False)


def reject(field: str) -> None:
    raise InvalidRequest(field, "is not to be had")


def test_every_call_has_its_result(executor: Executor, workers: Workers) -> None:
    calls = [executor.submit(pow, n, 2) for n in range(20)]
    assert [call.result(60) for call in calls] == [n**2 for n in range(20)]
    assert workers.count == 2


def test_the_same_call_again_is_made_again(executor: Executor) -> None:
    calls = [executor.submit(time.time_ns) for _ in range(5)]
    assert len({call.result(60) for call in calls}) == 5


@pytest.mark.parametrize("call", [refuse, reject])
def test_an_error_of_ours_comes_back_as_it_was(
    executor: Executor, workers: Workers, call: Callable[[str], None]
) -> None:
    future = executor.submit(call, "the table")
    caught = future.exception(60)
    assert type(caught) is (StoreUnavailable if call is refuse else InvalidRequest)
    assert "the table" in str(caught)
    assert not isinstance(caught, workers.lost)
    assert getattr(caught, "transient", False) is False


def test_a_call_that_kills_its_process_is_lost_and_others_can_be_made() -> None:
    workers = ProcessWorkers(2)
    with workers.open() as executor:
        deadly = executor.submit(signal.raise_signal, signal.SIGKILL)
        assert isinstance(deadly.exception(120), workers.lost)
    with workers.open() as executor:
        assert executor.submit(pow, 3, 2).result(60) == 9


@pytest.mark.full
def test_on_dask_another_worker_takes_the_call_of_one_that_is_killed(tmp_path: Path) -> None:
    begun, finished = tmp_path / "begun", tmp_path / "finished"
    with dask_cluster(tmp_path, workers=1) as cluster, DaskWorkers(cluster.address).open() as found:
        call = found.submit(_wait, begun, finished)
        while not begun.exists():
            time.sleep(0.05)
        cluster.kill_worker()
        finished.touch()
        cluster.start_worker()
        assert call.result(120) == "finished"


@pytest.mark.full
def test_a_call_of_a_scheduler_that_was_killed_is_lost_and_can_be_made_again(
    tmp_path: Path,
) -> None:
    begun, finished = tmp_path / "begun", tmp_path / "finished"
    with dask_cluster(tmp_path, workers=1) as cluster:
        workers = DaskWorkers(cluster.address)
        with workers.open() as found:
            call = found.submit(_wait, begun, finished)
            while not begun.exists():
                time.sleep(0.05)
            cluster.kill_scheduler()
            cluster.kill_worker()
            assert isinstance(_error(call), workers.lost)
        cluster.start_scheduler()
        cluster.start_worker()
        finished.touch()
        with workers.open() as found:
            assert found.submit(_wait, begun, finished).result(120) == "finished"


def _wait(begun: Path, finished: Path) -> str:
    begun.touch()
    while not finished.exists():
        time.sleep(0.05)
    return "finished"


def _error(call: Future[str]) -> BaseException | None:
    try:
        return call.exception(300)
    except CancelledError as exc:
        return exc


@pytest.mark.full
def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.workers.FIND_S", 1.0)
    address = f"tcp://{HOST}:{free_port()}"
    with pytest.raises(StoreUnavailable, match=address), DaskWorkers(address).open():
        pass


PARENT = """
import os
import signal

from adapters.workers import ProcessWorkers

if __name__ == "__main__":
    with ProcessWorkers(1).open() as executor:
        print(executor.submit(os.getpid).result(60), flush=True)
        signal.pause()
"""


@pytest.mark.full
def test_processes_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    worker.wait(60)


def test_processes_end_with_the_block_whatever_they_do() -> None:
    began = time.monotonic()
    with ProcessWorkers(1).open() as executor:
        executor.submit(pow, 1, 1).result(60)
        executor.submit(time.sleep, 600)
    assert time.monotonic() - began < 300


def forget(dask_scheduler: Any) -> None:
    """As a scheduler that is new knows nothing of what the one before was asked."""
    for client in dask_scheduler.clients:
        dask_scheduler.client_releases_keys(keys=list(dask_scheduler.tasks), client=client)


@pytest.mark.full
def test_on_dask_a_call_that_the_scheduler_forgot_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.workers, "LOOK_S", 0.2)
    with dask_cluster(tmp_path, workers=1) as cluster:
        workers = DaskWorkers(cluster.address)
        with workers.open() as executor:
            call = executor.submit(time.sleep, 3)
            connect: Any = distributed.Client  # it has no types
            with connect(cluster.address, set_as_default=False) as another:
                while not any(another.processing().values()):
                    time.sleep(0.05)  # until a worker has it
                another.run_on_scheduler(forget)
            with pytest.raises(CancelledError):
                call.result(60)
            assert executor.submit(pow, 2, 5).result(60) == 32
