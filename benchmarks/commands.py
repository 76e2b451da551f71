"""How quick commands are, as multiples of the CPU time of `import typer, rich`.

Each command is a process of its own; the two take turns, and the least of each counts.
Run: python -m benchmarks.commands
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port

ROUNDS = 15
FLOOR = (sys.executable, "-c", "import typer, rich")
COMMANDS = {
    "--help": 3.0,
    "--version": 3.0,
    "settings": 3.0,
    "tables check": 8.0,
    "cancel c p": 8.0,
    "export-customer c": 8.0,
}
"""And how many times the floor each may take."""


def cpu_seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """The CPU time of one process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: S603  # ours
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Prints one line for each command; 0 when all are as quick as they should be."""
    propensity = str(Path(sys.executable).with_name("propensity"))
    late = 0
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder) / "engine", free_port())
        endpoint = f"http://127.0.0.1:{engine.port}"
        environment = os.environ | {
            "PROPENSITY_HOME": folder,
            "PROPENSITY_DYNAMODB_ENDPOINT": endpoint,
        }
        engine.start()
        try:
            cpu_seconds((propensity, "tables", "create"), environment)
            for command, most in COMMANDS.items():
                ours, floor = float("inf"), float("inf")
                for _ in range(ROUNDS):
                    floor = min(floor, cpu_seconds(FLOOR, environment))
                    ours = min(ours, cpu_seconds((propensity, *command.split()), environment))
                ratio = ours / floor
                late += ratio > most
                print(f"{command:<20} {ours:.3f} s, {ratio:.1f} times the floor, at most {most:g}")  # noqa: T201
        finally:
            engine.stop()
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
