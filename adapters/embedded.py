"""The embedded engine: ministack on loopback, with its data under a folder of ours.

It keeps everything in memory and writes it to disk only when it is stopped in an orderly way:
a kill loses whatever was written since its start.
"""

import contextlib
import http.client
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from domain.errors import StoreUnavailable

HOST = "127.0.0.1"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 120.0
_POLL_S = 0.05
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """A detached ministack process on `port`; `folder` holds its data, log and process id."""

    folder: Path
    port: int

    @property
    def pid(self) -> int | None:
        """The process id of the running engine that we started, or None."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int(self._pid_file.read_text())
            if _runs(pid) and _is_engine(pid):
                return pid
        return None

    @property
    def answers(self) -> bool:
        """Whether an engine answers on the port, whoever started it."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> bool:
        """The engine answers once this returns; whether this call started it.

        Raises:
            StoreUnavailable: not installed, the port is taken, or it does not come up.
        """
        if self.answers:
            return False
        if find_spec("ministack") is None:
            raise StoreUnavailable("ministack is not installed: pip install 'propensity[local]'")
        if not port_is_free(self.port):
            raise StoreUnavailable(
                f"port {self.port} is taken by another program; choose another one with "
                f"PROPENSITY_DYNAMODB_ENDPOINT=http://{HOST}:{self.port + 1}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
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
        self._pid_file.write_text(str(pid))
        self._await_answer(pid)
        return True

    def stop(self) -> bool:
        """No engine of ours runs once this returns, its data is on disk; whether one ran.

        Raises:
            StoreUnavailable: it does not stop.
        """
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _STOP_TIMEOUT_S
        while _runs(pid):
            if time.monotonic() > end:
                raise StoreUnavailable(
                    f"the engine (pid {pid}) does not stop; see {self._log_file}"
                )
            time.sleep(_POLL_S)
        self._pid_file.unlink(missing_ok=True)
        return True

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _log_file(self) -> Path:
        return self.folder / "log"

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder.resolve())
        return {
            **os.environ,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "SERVICES": "dynamodb",
            "PERSIST_STATE": "1",
            "STATE_DIR": f"{folder}/state",
            "TMPDIR": folder,
            "LOG_LEVEL": "WARNING",
            # Its other listeners would open on every interface.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }

    def _await_answer(self, pid: int) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while not self.answers:
            if not _runs(pid) or time.monotonic() > end:
                raise StoreUnavailable(f"the engine did not start; see {self._log_file}")
            time.sleep(_POLL_S)


def port_is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a finished child of ours would stay as a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _is_engine(pid: int) -> bool:
    """Whether the process is an engine, so that a process id used again is never stopped."""
    command = Path("/proc", str(pid), "cmdline")
    return not command.exists() or b"ministack" in command.read_bytes()
