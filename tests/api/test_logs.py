"""Logging, configured in a process of its own: it is global."""

import re
import subprocess
import sys

import pytest

SCRIPT = """
import logging
import sys

from api.process.logs import configure_logging

configure_logging(sys.argv[1])
for name in ("api.http.problems", "uvicorn.error", "uvicorn.access", "pynamodb.connection", "botocore.parsers"):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(level, "said %s", logging.getLevelName(level))
"""


def logged(level: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, level]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout == ""
    return finished.stderr.splitlines()


@pytest.mark.parametrize(
    ("level", "lines_of_ours", "lines_of_libraries"),
    [("debug", 4, 2), ("info", 3, 2), ("warning", 2, 2), ("error", 1, 1)],
)
def test_every_logger_follows_the_level_but_libraries_warn_at_least(
    level: str, lines_of_ours: int, lines_of_libraries: int
) -> None:
    names = [line.split()[2] for line in logged(level)]
    for name in ("api.http.problems:", "uvicorn.error:"):
        assert names.count(name) == lines_of_ours
    for name in ("pynamodb.connection:", "botocore.parsers:"):
        assert names.count(name) == lines_of_libraries


def test_paths_which_hold_customer_ids_are_never_logged() -> None:
    assert "uvicorn.access:" not in " ".join(logged("debug"))


def test_a_line_has_the_time_in_utc_the_level_and_the_logger() -> None:
    first, *_ = logged("error")
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR api\.http\.problems: said ERROR"
    assert re.fullmatch(line, first)
