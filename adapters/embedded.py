"""The embedded engine: ministack on loopback, with its data under a folder of ours.

It keeps everything in memory and writes it to disk only when it is stopped in order. A kill loses
everything written since its start. Two engines on one folder would overwrite each
other's data, so a folder has one engine, and a lock while it is started or stopped.
"""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from domain.errors import Rejected, StoreUnavailable

HOST = "127.0.0.1"
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
        pid, port = self._running() or (None, None)
        return pid if port == self.port else None

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
            pid = self._spawn()
            try:
                self._pid_file.write_text(json.dumps({"pid": pid, "port": self.port}))
                self._await_answer(pid)
            except BaseException:  # Ctrl-C too: what nobody waits for must not stay behind
                self._terminate(pid)
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
            pid = self.pid
            if pid is None:
                return False
            self._terminate(pid)
        return True

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _log_file(self) -> Path:
        return self.folder / "log"

    @property
    def _mark(self) -> str:
        """What this folder's engine calls itself, in its environment and to whoever asks."""
        return f"propensity:{self.folder.resolve()}"

    @contextlib.contextmanager
    def _locked(self) -> Generator[None, None, None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _running(self) -> tuple[int, int] | None:
        """Process id and port of this folder's engine, on whatever port it runs."""
        try:
            recorded = json.loads(self._pid_file.read_text())
            pid, port = int(recorded["pid"]), int(recorded["port"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        return (pid, port) if _runs(pid) and _carries(pid, self._mark) else None

    def _mark_on_port(self) -> str | None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1)
        try:
            connection.request("GET", "/_ministack/health")
            return str(json.loads(connection.getresponse().read())["edition"])
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
            return None
        finally:
            connection.close()

    def _check_port_of(self, pid: int, port: int) -> None:
        if port != self.port:
            raise StoreUnavailable(
                f"the engine of {self.folder} runs on port {port} already (pid {pid}); use it with "
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

    def _spawn(self) -> int:
        return os.posix_spawn(
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

    def _await_answer(self, pid: int) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while self._mark_on_port() != self._mark:
            if not _runs(pid) or time.monotonic() > end:
                raise StoreUnavailable(f"the engine did not start; see {self._log_file}")
            time.sleep(_POLL_S)

    def _terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _STOP_TIMEOUT_S
        while _runs(pid):
            if time.monotonic() > end:
                raise StoreUnavailable(
                    f"the engine (pid {pid}) does not stop; see {self._log_file}"
                )
            time.sleep(_POLL_S)
        self._pid_file.unlink(missing_ok=True)


def port_is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on the port of every address of the host now.

    Raises:
        Rejected: the host is none of this machine's, or listening there is not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return all(_can_listen(family, address) for family, _, _, _, address in found)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise Rejected("host", f"cannot listen on {host} port {port}: {reason}") from exc


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _can_listen(family: int, address: tuple[object, ...]) -> bool:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(address)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a finished child of ours would stay as a zombie
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # another user's process is not ours
        return False
    return True


def _carries(pid: int, mark: str) -> bool:
    """Whether the process was started with the mark: a process id may have been used again."""
    environment = Path("/proc", str(pid), "environ")
    try:
        return mark.encode() in environment.read_bytes()
    except FileNotFoundError:  # no such file system here, or no such process any more
        return not Path("/proc/self").exists()
    except PermissionError:
        return False
