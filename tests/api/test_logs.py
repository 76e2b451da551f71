"""Logging, configured in a process of its own: it is global."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
from contextvars import copy_context
from typing import Any

import pytest

from api.process.logs import REQUEST_ID, TRACEPARENT, formatter

SCRIPT = """
import logging
import sys

from api.process.logs import configure_logging

configure_logging(sys.argv[1])
for name in ("uvicorn.error", "uvicorn.access", "pynamodb.connection", "botocore.parsers"):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(level, "said %s", logging.getLevelName(level))
log = logging.getLogger("api.http.admission")
log.warning("requests_shed", extra={"count": 3, "undeclared": "canary"})
customer = "canary"
try:
    raise ValueError(customer)
except ValueError as exc:
    try:
        raise ExceptionGroup(customer, [exc, KeyError(customer)])
    except ExceptionGroup:
        logging.getLogger("uvicorn.error").exception("in a library")
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: canary")
log.error("request_crashed", extra={"error": "\\x1b[2J\\nhidden"})
"""


def run(level: str, stderr: int) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, level], stdout=subprocess.PIPE, stderr=stderr, check=True
    )
    assert finished.stdout == b""


def logged(level: str = "debug") -> list[dict[str, Any]]:
    """The lines of a process whose stderr is no terminal."""
    reading, writing = os.pipe()
    run(level, writing)
    os.close(writing)
    with os.fdopen(reading) as text:
        return [json.loads(line) for line in text]


@pytest.fixture(scope="module")
def on_terminal() -> str:
    """What a person sees."""
    reading, writing = pty.openpty()
    run("info", writing)
    seen = os.read(reading, 1_000_000).decode()
    os.close(writing)
    os.close(reading)
    return seen


@pytest.mark.parametrize(
    ("level", "lines_of_the_server", "lines_of_libraries"),
    [("debug", 4, 2), ("info", 3, 2), ("warning", 2, 2), ("error", 1, 1)],
)
def test_every_logger_follows_the_level_but_libraries_warn_at_least(
    level: str, lines_of_the_server: int, lines_of_libraries: int
) -> None:
    names = [line["logger"] for line in logged(level) if line.get("message", "").startswith("said")]
    assert names.count("uvicorn.error") == lines_of_the_server
    for name in ("pynamodb.connection", "botocore.parsers"):
        assert names.count(name) == lines_of_libraries
    assert "uvicorn.access" not in names  # its paths hold customer ids


def test_a_line_is_one_event_with_its_time_in_utc_its_level_and_its_fields() -> None:
    (line,) = [line for line in logged() if line["event"] == "requests_shed"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line.pop("pid") > 0
    assert line == {
        "level": "warning",
        "event": "requests_shed",
        "count": 3,
        "logger": "api.http.admission",
    }


def test_no_exception_tells_what_it_says_nor_what_was_around_it(on_terminal: str) -> None:
    (line,) = [line for line in logged() if line.get("message") == "in a library"]
    assert line["event"] == "library_message"
    for name in ("ValueError", "KeyError", "ExceptionGroup"):
        assert name in line["exception"]
        assert name in on_terminal
    assert "canary" not in str(logged()) + on_terminal


def test_a_terminal_has_colours_and_nothing_that_moves_its_cursor(on_terminal: str) -> None:
    assert "\x1b[" in on_terminal
    assert "\x1b[2J" not in on_terminal
    (line,) = [line for line in on_terminal.splitlines() if "request_crashed" in line]
    assert "hidden" in line


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        (b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", "0af7651916cd43dd8448eb211c80319c"),
        (b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None),
        (b"00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
        (b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
        (b"customer-1", None),
        (b"", None),
    ],
)  # fmt: skip
def test_a_line_within_a_request_has_its_ids(traceparent: bytes, trace: str | None) -> None:
    def line() -> dict[str, Any]:
        REQUEST_ID.set("r-1")
        TRACEPARENT.set(traceparent)
        record = logging.LogRecord("api", logging.INFO, "", 0, "keys_readable", (), None)
        found: dict[str, Any] = json.loads(formatter(on_terminal=False).format(record))
        return found

    found = copy_context().run(line)
    assert found["request_id"] == "r-1"
    assert found.get("trace_id") == trace


def test_a_process_whose_stderr_was_closed_runs_all_the_same() -> None:
    closed = 'exec "$0" -c "$1" info 2>&-'
    subprocess.run(["sh", "-c", closed, sys.executable, SCRIPT], check=True)
