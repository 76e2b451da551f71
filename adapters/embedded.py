"""The embedded engine: ministack on loopback, with its data under a folder of ours.

It keeps everything in memory and writes it to disk only when it is stopped in order. A kill loses
everything written since its start. Two engines on one folder would overwrite each
other's data, so a folder has one engine, and a lock while it is started or stopped.
"""

import contextlib
import http.client
import json
import os
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from psutil import STATUS_ZOMBIE, NoSuchProcess, Process, TimeoutExpired
from psutil import Error as PsutilError

from adapters.listening import HOST, port_is_free
from domain.errors import StoreUnavailable

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 120.0
_POLL_S = 0.05
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """A detached ministack process on `port`; `folder` holds its data, log, process id and lock.

    `services` are those of AWS that it stands in for, by ministack's names, with commas.
    """

    folder: Path
    port: int
    services: str = "dynamodb,sqs"

    @property
    def pid(self) -> int | None:
        """The process id of this folder's engine where it runs on this port, else None."""
        process = self._process()
        return None if process is None else process.pid

    def _process(self) -> Process | None:
        process, port = self._running() or (None, None)
        return process if port == self.port else None

    @property
    def answers(self) -> bool:
        """Whether an engine answers on the port, whoever started it."""
        return self._mark_on_port() is not None

    def start(self) -> bool:
        """This folder's engine answers once this returns; whether this call started it.

        Raises:
            StoreUnavailable: not installed, the port is taken, this folder's engine runs on
                another port, or it does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if running := self._running():
                self._check_port_of(*running)
                self._await_answer(running[0])
                return False
            self._check_installed_and_port_free()
            process = self._spawn()
            try:
                self._pid_file.write_text(json.dumps({"pid": process.pid, "port": self.port}))
                self._await_answer(process)
            except BaseException:  # Ctrl-C too: what nobody waits for must not stay behind
                self._terminate(process)
                raise
        return True

    def stop(self) -> bool:
        """No engine of this folder and port runs once this returns, its data is on disk.

        Returns whether one ran.

        Raises:
            StoreUnavailable: it does not stop.
        """
        if not self.folder.exists():
            return False
        with self._locked():
            process = self._process()
            if process is None:
                return False
            self._terminate(process)
        return True

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _log_file(self) -> Path:
        return self.folder / "log"

    @property
    def _mark(self) -> str:
        """What this folder's engine calls itself, in its environment and in its health document."""
        return f"propensity:{self.folder.resolve()}"

    def _locked(self) -> FileLock:
        return FileLock(self.folder / "lock")

    def _running(self) -> tuple[Process, int] | None:
        """The process and port of this folder's engine, on whatever port it runs.

        A process id may have been used again: only the engine has our mark in its environment.
        """
        try:
            recorded = json.loads(self._pid_file.read_text())
            process, port = Process(int(recorded["pid"])), int(recorded["port"])
            ours = process.environ().get("MINISTACK_EDITION") == self._mark
        except (FileNotFoundError, ValueError, TypeError, KeyError, PsutilError):
            return None
        return (process, port) if ours else None

    def _mark_on_port(self) -> str | None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1)
        try:
            connection.request("GET", "/_ministack/health")
            return str(json.loads(connection.getresponse().read())["edition"])
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
            return None
        finally:
            connection.close()

    def _check_port_of(self, process: Process, port: int) -> None:
        if port != self.port:
            raise StoreUnavailable(
                f"the engine of {self.folder} runs on port {port} already (pid {process.pid}); use it with "
                f"PROPENSITY_DYNAMODB_ENDPOINT=http://{HOST}:{port}, or stop it there first"
            )

    def _check_installed_and_port_free(self) -> None:
        if find_spec("ministack") is None:
            raise StoreUnavailable("ministack is not installed: pip install 'propensity[local]'")
        if port_is_free(self.port):
            return
        stranger = "an engine that was not started from this folder: stop it where it was started"
        taken_by = stranger if self.answers else "another program: stop it"
        raise StoreUnavailable(
            f"port {self.port} is taken by {taken_by}, or choose another port with "
            f"PROPENSITY_DYNAMODB_ENDPOINT=http://{HOST}:{self.port % 65_535 + 1}"
        )

    def _spawn(self) -> Process:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "ministack"],
            self._environment(),
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._log_file), _APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        return Process(pid)

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder.resolve())
        return {
            **os.environ,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "SERVICES": self.services,
            "PERSIST_STATE": "1",
            "STATE_DIR": f"{folder}/state",
            "TMPDIR": folder,
            "LOG_LEVEL": "WARNING",
            "MINISTACK_EDITION": self._mark,  # its health document repeats it
            # Its other listeners would open on every interface.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }

    def _await_answer(self, process: Process) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while self._mark_on_port() != self._mark:
            if _ended(process) or time.monotonic() > end:
                raise StoreUnavailable(f"the engine did not start; see {self._log_file}")
            time.sleep(_POLL_S)

    def _terminate(self, process: Process) -> None:
        with contextlib.suppress(NoSuchProcess):
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except TimeoutExpired as exc:
                raise StoreUnavailable(
                    f"the engine (pid {process.pid}) does not stop; see {self._log_file}"
                ) from exc
        self._pid_file.unlink(missing_ok=True)


def _ended(process: Process) -> bool:
    """Whether it ran and does so no more; a finished child of ours stays as a zombie."""
    try:
        return process.status() == STATUS_ZOMBIE
    except NoSuchProcess:
        return True
