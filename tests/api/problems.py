"""What every problem must look like. Source: RFC 9457, section 3."""

from http import HTTPStatus
from typing import Any

from httpx import Response


def problem_of(response: Response, status: int, slug: str) -> dict[str, Any]:
    """The members of a problem, once it is a proper one of this status and type."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    members: dict[str, Any] = response.json()
    assert members["type"] == f"urn:propensity:problem:{slug}"
    assert members["title"] == HTTPStatus(status).phrase
    assert members["status"] == status
    assert members["detail"]
    assert members["detail"] != members["title"]
    assert (response.headers.get("retry-after") == "1") == (status == 503)
    return members


def field_of(response: Response) -> object:
    """The one field that a refusal names."""
    (error,) = problem_of(response, 400, "invalid-request")["errors"]
    return error["field"]
