"""Every line of the log: its event, its level, when it is written, and what its fields mean.

`docs/reference/logs.md` shows this list. A test compares it with what the code writes.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

LIBRARY = "library_message"
"""What a library under us logs."""
_REASON = "What was wrong, and the way out."
_MODEL = "The model's name."
_ERROR = "The kind of the error, as Python names it; its text may quote a customer."
_HTTP = {
    "method": "The method of the request.",
    "route": "The route's template, such as `/v1/customers/{customer_id}/propensity`.",
}


class Event(NamedTuple):
    """One kind of line."""

    level: Literal["debug", "info", "warning", "error"]
    when: str
    fields: Mapping[str, str]


EVENTS: Mapping[str, Event] = {
    "process_started": Event(
        "info",
        "A server process, a worker or a Lambda function has started.",
        {
            "command": "What it is: `serve`, `worker` or `lambda`.",
            "version": "The version of propensity.",
            "settings": "The settings that differ from their defaults; secrets are masked.",
        },
    ),
    "process_stopped": Event(
        "info",
        "It stops in good order.",
        {"command": "As above.", "uptime_s": "Seconds since it started."},
    ),
    "request_answered": Event(
        "info",
        "A request has its answer: a share of them, and every status of 500 and above.",
        {
            **_HTTP,
            "status": "The status of the answer; 499 where the client left before.",
            "duration_ms": "Milliseconds from the head of the request to the end of the answer.",
        },
    ),
    "request_failed": Event(
        "warning",
        "A request could not be answered, for a reason that is known.",
        {**_HTTP, "problem": "The problem's type, as the answer has it.", "reason": _REASON},
    ),
    "request_crashed": Event(
        "error",
        "A request met an error that nobody foresaw. Please report it.",
        {**_HTTP, "error": _ERROR, "exception": "Where it came from, without any text of errors."},
    ),
    "errand_failed": Event(
        "warning",
        "What a server did beside answering came to nothing, such as creating a campaign.",
        {"errand": "What was done.", "reason": _REASON},
    ),
    "errand_crashed": Event(
        "error",
        "What a server did beside answering met an error that nobody foresaw. Please report it.",
        {
            "errand": "What was done.",
            "error": _ERROR,
            "exception": "Where it came from, without any text of errors.",
        },
    ),
    "client_disconnected": Event(
        "debug", "A client left before the body of its request had come.", _HTTP
    ),
    "requests_shed": Event(
        "warning",
        "Requests were refused for want of a place. At once, then once a minute while it goes on.",
        {"count": "How many since the line before."},
    ),
    "decisions_defaulted": Event(
        "warning",
        "Flags were answered with their defaults. At once, then once a minute while it goes on.",
        {"causes": "How many since the line before, by cause."},
    ),
    "store_slow": Event(
        "warning",
        "Calls to the store were slow. At once, then once a minute while it goes on.",
        {
            "count": "How many since the line before.",
            "over_ms": "Milliseconds from which on a call is slow.",
            "operation": "The operation of the slowest.",
            "slowest_ms": "How many milliseconds it took.",
        },
    ),
    "store_troubled": Event(
        "warning",
        "The store refused calls, or left them without an answer. At once, then once a minute "
        "while it goes on.",
        {
            "causes": "How many since the line before: `throttled`, `silent` and `refused` calls, "
            "`unprocessed` keys and `retries`."
        },
    ),
    "store_breaker_opened": Event(
        "warning",
        "The store was silent for some calls in a row. Calls fail at once until it answers.",
        {"silent_calls": "How many in a row."},
    ),
    "store_breaker_closed": Event("info", "The store answers again.", {}),
    "revision_served": Event(
        "info",
        "Another revision of a model serves: at the start, and after each swap.",
        {
            "model": _MODEL,
            "revision": "The registry's revision.",
            "versions": "The champion's version, then the challenger's and its basis points.",
            "replaced": "The revision that served before; 0 at the start.",
        },
    ),
    "no_revision_served": Event(
        "warning", "A model makes no predictions yet.", {"model": _MODEL, "reason": _REASON}
    ),
    "revision_not_loaded": Event(
        "warning",
        "A revision or a shadow could not be loaded; what served goes on serving.",
        {"model": _MODEL, "reason": _REASON},
    ),
    "gate_refused": Event(
        "warning",
        "A change of a model was refused over HTTP, for a version failed a gate.",
        {"model": _MODEL, "gate": "The gate's name.", "reason": _REASON},
    ),
    "polling_failed": Event(
        "warning",
        "The registry could not be read, or not be told what serves. It is tried again.",
        {"model": _MODEL, "doing": "What was tried.", "reason": _REASON},
    ),
    "polling_crashed": Event(
        "error",
        "The same, by an error that nobody foresaw. Please report it.",
        {
            "model": _MODEL,
            "doing": "What was tried.",
            "reason": "The error.",
            "exception": "Where it came from, without any text of errors.",
        },
    ),
    "decisions_waiting": Event(
        "warning",
        "Decisions could not be logged, and wait in memory. At once, then at each tenth time.",
        {"times": "How many times in a row.", "reason": _REASON},
    ),
    "decisions_logged_again": Event("info", "The log takes decisions again.", {}),
    "decisions_dropped": Event(
        "warning",
        "Decisions are not in the log, and never will be: it did not take them in time.",
        {"count": "How many."},
    ),
    "decision_log_crashed": Event(
        "error",
        "Writing decisions met an error that nobody foresaw. Those at hand are lost. Please report it.",
        {"count": "How many.", "exception": "Where it came from, without any text of errors."},
    ),
    "keys_unreadable": Event(
        "warning", "The keys could not be read. Those known so far hold on.", {"reason": _REASON}
    ),
    "keys_readable": Event("info", "The keys are read again.", {}),
    "keys_crashed": Event(
        "error",
        "Reading the keys met an error that nobody foresaw. Please report it.",
        {"error": _ERROR},
    ),
    "drift_watching_failed": Event(
        "warning",
        "Counts of whom a server was asked about could not be stored or read. It is tried again.",
        {"doing": "What was tried.", "reason": _REASON},
    ),
    "drift_watching_crashed": Event(
        "error",
        "The same, by an error that nobody foresaw. Please report it.",
        {
            "doing": "What was tried.",
            "error": _ERROR,
            "exception": "Where it came from, without any text of errors.",
        },
    ),
    "messages_crashed": Event(
        "error",
        "Messages met an error that nobody foresaw. Each is tried alone, then comes again.",
        {"count": "How many messages.", "error": _ERROR},
    ),
    "messages_left": Event(
        "warning",
        "A part of a batch has no outcome yet. Its messages come again.",
        {"reason": _REASON},
    ),
    "dead_letter_not_sent": Event(
        "warning",
        "A refused purchase could not be sent to the dead letters. Its message comes again.",
        {"reason": _REASON},
    ),
    "dead_letter_without_reason": Event(
        "warning", "A dead letter as long as SQS allows was sent without its reason.", {}
    ),
    "queue_unavailable": Event(
        "warning", "The queue did not answer. It is asked again.", {"reason": _REASON}
    ),
    "queue_depth_unknown": Event(
        "warning", "How many messages wait could not be asked.", {"reason": _REASON}
    ),
    "batch_crashed": Event(
        "error",
        "A batch met an error that nobody foresaw. Its messages come again.",
        {"error": _ERROR},
    ),
    "visibility_not_extended": Event(
        "warning",
        "A slow batch could not be kept to this worker. Its messages may come twice: no harm.",
        {"reason": _REASON},
    ),
    "process_not_looked_at": Event(
        "error",
        "Memory, descriptors and lag could not be read for metrics. Logged once until it goes again.",
        {"reason": "The error."},
    ),
    "traces_lost": Event(
        "warning",
        "Spans were lost. At once, then once a minute while it goes on.",
        {
            "causes": "How many spans since the line before: `not_taken` by the collector. "
            "`queue_full` counts the times that more came than were exported."
        },
    ),
    LIBRARY: Event(
        "info",
        "A library under us said something; at whatever level it said it.",
        {"message": "Its words."},
    ),
}
"""By the event's name."""
EVERY_LINE: Mapping[str, str] = {
    "timestamp": "When, in UTC (RFC 3339).",
    "level": "`debug`, `info`, `warning` or `error`.",
    "event": "What happened: one of the names below.",
    "logger": "The module that writes it.",
    "pid": "The process.",
    "request_id": "The request that it belongs to, as the answer's `X-Request-Id` has it.",
    "trace_id": "The trace that it belongs to, where the request came with one or traces are on.",
}
"""What every line has besides; the last two only within a request."""
