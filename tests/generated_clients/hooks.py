"""What no OpenAPI document can say, so that Schemathesis sends it: the past, assigned characters.

Runs in an environment of its own, which has Schemathesis; changes valid cases only.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import schemathesis

_PAGES = {"scopes": ["decide"], "origins": ["https://shop.example"]}
"""What a publishable key may be; a secret one has no origins."""
_CAMPAIGN = {
    "category": "rings",
    "as_of": None,
    "model": None,
    "revision": None,
    "min_probability": 0.25,
    "max_probability": 0.75,
    "top": None,
    "top_share": 0.2,
    "holdout": 0.1,
}
"""What of a campaign no schema says: shares are whole basis points, and one of two says how many."""
_NOW = datetime(2026, 3, 1, tzinfo=UTC)


@schemathesis.hook  # type: ignore[untyped-decorator]  # another environment has its types
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001  # Schemathesis's names
    """Puts valid cases where the server can take them."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query = case.query or {}
    query.pop("cursor", None)  # only the server makes one
    bounds = [name for name in ("min_probability", "max_probability") if name in query]
    for name, value in zip(bounds, sorted(query[n] for n in bounds), strict=True):
        query[name] = value
    if "as_of" in query:
        query["as_of"] = _past(query["as_of"])
    query.pop("way", None)  # pages are read one way only
    for name in ("model", "category", "explain"):  # what a model can be asked, no schema says
        query.pop(name, None)
    case.path_parameters = {
        name: quote(_taken(unquote(str(value))), safe="")
        for name, value in (case.path_parameters or {}).items()
    }
    case.body = _taken(case.body)
    if isinstance(case.body, dict):
        case.body |= _sensible(case.body, case.path_parameters)


@schemathesis.serializer("application/x-ndjson")  # type: ignore[untyped-decorator]  # as above
def ndjson(context: Any, value: Any) -> bytes:  # noqa: ARG001  # as above
    """Lines travel as text."""
    return str(value).encode("utf-8", "backslashreplace")


def _taken(value: Any) -> Any:
    """Unassigned and invisible characters are refused; which those are depends on Unicode's version.

    An integer with a decimal point is one to JSON Schema, and no minor units to us.
    """
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "x" for c in value).strip() or value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_taken(each) for each in value]
    if isinstance(value, dict):
        return {name: _taken(each) for name, each in value.items()}
    return value


def _sensible(body: dict[str, Any], path: dict[str, str]) -> dict[str, Any]:
    """What of a body no schema says, so that its other fields are tried."""
    changes: dict[str, Any] = {}
    if "refunded_at" in body:
        changes["refunded_at"] = _past(body["refunded_at"])
    if "confirm" in body:
        changes["confirm"] = unquote(path["name"])
    if "at" in body:
        changes["at"] = None
    if {"name", "category"} <= body.keys():
        changes |= _CAMPAIGN
    if "scopes" in body:
        changes |= _PAGES if body.get("kind") == "publishable" else {"origins": []}
    return changes


def _past(text: Any) -> Any:
    """Another instant between the year 2000 and now."""
    try:
        days = datetime.fromisoformat(text).toordinal() % 9_000
    except (TypeError, ValueError):
        return text
    return (_NOW - timedelta(days=days)).isoformat()
