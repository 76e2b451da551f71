"""Processes that run calls: a pool on this machine, or a Dask cluster."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from domain.errors import Interrupted, Rejected, StoreUnavailable

FIND_S = 30.0
"""Seconds in which a scheduler must answer and have a worker."""
LOOK_S = 5.0
_IDLE_LOOKS = 3
"""So often in a row the workers have nothing to do, and a call is forgotten."""
NICENESS = 16
"""Of a core that serving keeps busy, what runs beside it gets 3 %. Source: sched(7), weights 1024 and 29."""
_STOP_LOOK_S = 0.2

T = TypeVar("T")


class ProcessWorkers:
    """`Workers` that are processes of this machine."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, count: int) -> None:
        self.count = count

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """A pool of new processes; at the end of the block they are stopped, whatever they do."""
        others = set(multiprocessing.active_children())
        executor = ProcessPoolExecutor(
            self.count, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
        )
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that asked for it, and ends with that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # a worker has one

    def end_with_it() -> None:
        parent.join()
        os._exit(1)  # a killed parent can tell nobody to stop

    threading.Thread(target=end_with_it, daemon=True, name="parent").start()


class OwnProcess:
    """A `Beside` whose calls have a process each, of a low priority: serving comes first."""

    def __call__(
        self,
        call: Callable[[Callable[[object], object]], T],
        /,
        *,
        tell: Callable[[object], object],
        stopped: threading.Event,
    ) -> T:
        """The call's result; see the port."""
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_answer, args=(call, theirs), name="beside", daemon=True)
        process.start()
        theirs.close()
        try:
            while not stopped.is_set():
                if not ours.poll(_STOP_LOOK_S):
                    continue
                kind, value = ours.recv()
                if kind == _TOLD:
                    tell(value)
                elif kind == _RESULT:
                    found: T = value
                    return found
                else:
                    raise value
            raise Interrupted("the server stopped; ask again")
        except EOFError:
            raise Interrupted("its process was lost, perhaps for want of memory") from None
        finally:
            ours.close()
            process.terminate()
            process.join()


_TOLD, _RESULT, _ERROR = "told", "result", "error"


def _answer(call: Callable[[Callable[[object], object]], object], pipe: Connection) -> None:
    """What the process of a call does: it ends with the one that asked, and comes after all others."""
    _begin()
    os.nice(NICENESS)
    with suppress(BrokenPipeError):
        try:
            result = call(lambda told: pipe.send((_TOLD, told)))
        except Exception as exc:  # noqa: BLE001  # whatever it is, the one who asked raises it
            pipe.send((_ERROR, exc))
        else:
            pipe.send((_RESULT, result))


class DaskWorkers:
    """`Workers` of a Dask cluster; its scheduler runs a lost worker's calls again by itself.

    Raises:
        Rejected: the extra `dask` is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: PLC0415  # an extra
        except ImportError as exc:
            raise Rejected(
                "--scheduler", "needs Dask: pip install 'propensity[dask]', on every worker too"
            ) from exc
        self._address = address
        self._distributed: Any = distributed  # it has no types
        self.count = 1
        self.lost: tuple[type[BaseException], ...] = (
            distributed.KilledWorker,
            CancelledError,  # of a scheduler that was restarted
            OSError,  # of a connection that broke, and of time-outs
        )

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """A connection to the scheduler, once it has a worker."""
        try:
            client = self._distributed.Client(
                self._address, timeout=FIND_S, set_as_default=False, name="propensity"
            )
        except (OSError, ValueError) as exc:
            raise StoreUnavailable(f"no Dask scheduler answers at {self._address}: {exc}") from exc
        try:
            try:
                client.wait_for_workers(1, timeout=FIND_S)
            except TimeoutError as exc:
                raise StoreUnavailable(f"the scheduler at {self._address} has no worker") from exc
            self.count = max(1, sum(client.nthreads().values()))
            executor = client.get_executor(pure=False)
            ended = threading.Event()
            looking = threading.Thread(
                target=self._look_for_forgotten, args=(client, ended), daemon=True, name="forgotten"
            )
            looking.start()
            try:
                yield executor
            finally:
                ended.set()
                executor.shutdown(wait=False)  # which cancels what runs
        finally:
            client.close(timeout=1)

    def _look_for_forgotten(self, client: Any, ended: threading.Event) -> None:
        """Cancels calls of which the scheduler knows nothing, so that they are made again.

        One that is sent just when a scheduler is restarted may be lost between the two.
        """
        idle = 0
        while not ended.wait(LOOK_S):
            try:
                waiting = [
                    key for key, state in client.futures.items() if state.status == "pending"
                ]
                works = any(client.processing().values()) or not client.nthreads()
                idle = 0 if works or not waiting else idle + 1
                if idle >= _IDLE_LOOKS:
                    idle = 0
                    client.cancel([self._distributed.Future(key, client) for key in waiting])
            except Exception:  # noqa: BLE001  # between two schedulers nobody answers
                idle = 0
