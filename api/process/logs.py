"""Logging of a process: one event a line, to stderr, never a customer.

A line is an ordinary record of the standard library: its message is the event's name, its `extra`
are the fields. structlog renders it: JSON, or colours on a terminal.
"""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextvars import ContextVar
from logging.config import dictConfig
from typing import Any

from api.process.events import EVENTS, LIBRARY
from api.process.trace_context import trace_context

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is answered here; checked before it is set."""
TRACEPARENT: ContextVar[bytes] = ContextVar("traceparent", default=b"")
"""The W3C trace context of that request, as it came."""
TRACE_ID: ContextVar[str] = ContextVar("trace_id", default="")
"""Of the trace that this process records of it."""


def configure_logging(level: str) -> None:
    """Every logger of this process writes that level and above to stderr, the server's too.

    The loggers of the libraries under DynamoDB stay at warning or above: below, they write where
    their own settings come from, and requests, which hold customer ids. So do the paths that the server's access log would write:
    it has no handler, and the server writes none.
    """
    at_least_warning = {
        "level": max(logging.getLevelNamesMapping()[level.upper()], logging.WARNING)
    }
    to_root = {"handlers": [], "propagate": True, "level": "NOTSET"}
    on_terminal = sys.stderr is not None and sys.stderr.isatty()  # none where it was closed
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": lambda: formatter(on_terminal=on_terminal)}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level.upper()},
            "loggers": {
                **dict.fromkeys(("uvicorn", "uvicorn.error"), to_root),
                "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
                **dict.fromkeys(("pynamodb", "botocore", "urllib3"), at_least_warning),
            },
        }
    )


def formatter(*, on_terminal: bool) -> logging.Formatter:
    """What makes a line of a record: for people on a terminal, else for machines."""
    from structlog.dev import ConsoleRenderer, plain_traceback
    from structlog.processors import JSONRenderer, TimeStamper
    from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level

    renderer = (
        # Its own tracebacks show local variables, which hold customers.
        ConsoleRenderer(colors="NO_COLOR" not in os.environ, exception_formatter=plain_traceback)
        if on_terminal
        else JSONRenderer()
    )
    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder(), add_log_level],
        processors=[
            TimeStamper(fmt="iso", utc=True),
            _line,
            *([_printable] if on_terminal else ()),
            renderer,
        ],
    )


def origin(exc: BaseException) -> str:
    """The traceback without messages: foreign exceptions may quote what a customer sent."""
    return "".join(_frames(exc, set()))


def trace_id() -> str:
    """The trace of the request that is answered here; empty where there is none."""
    if recorded := TRACE_ID.get():
        return recorded
    found = trace_context(TRACEPARENT.get())
    return found.trace_id if found else ""


def _line(_logger: object, _method: str, given: MutableMapping[str, Any]) -> dict[str, Any]:
    """The fields of a line in their order; what a library says becomes an event of one name."""
    record: logging.LogRecord = given["_record"]
    event = str(given["event"]).strip()
    line = {name: given[name] for name in ("timestamp", "level", "event")}
    if event in EVENTS:
        line |= {name: given[name] for name in EVENTS[event].fields if name in given}
    else:
        # What asyncio adds below its first line may quote an exception, and that a customer.
        said = event.partition("\n")[0] if record.name == "asyncio" else event
        line |= {"event": LIBRARY, "message": said}
    line |= {"logger": record.name, "pid": record.process}
    named = {"request_id": REQUEST_ID.get(), "trace_id": trace_id()}
    line |= {name: value for name, value in named.items() if value}
    if exc_info := given.get("exc_info"):
        line["exception"] = origin(exc_info[1]) if exc_info[1] else ""
    return line


def _printable(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Nothing in a line moves the cursor of whoever reads it."""
    return {
        name: ascii(value)
        if isinstance(value, str) and name != "exception" and not value.isprintable()
        else value
        for name, value in line.items()
    }


def _frames(exc: BaseException, seen: set[int]) -> Iterator[str]:
    """Those of what led to it first; each exception once, for they may go in circles."""
    seen.add(id(exc))
    cause = exc.__cause__ or exc.__context__
    if cause is not None and id(cause) not in seen:
        yield from _frames(cause, seen)
        yield "which led to\n"
    if isinstance(exc, BaseExceptionGroup):
        for each in exc.exceptions:
            if id(each) not in seen:
                yield from _frames(each, seen)
                yield "which is part of\n"
    yield from traceback.format_tb(exc.__traceback__)
    yield f"{type(exc).__qualname__}\n"
