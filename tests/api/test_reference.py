"""The way from the front page to the documentation, and the page that lists the routes."""

import re

from tests.api.conftest import Http
from tests.docs.pages import DOCS


def test_the_front_page_leads_to_the_documentation(http: Http) -> None:
    answer = http.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert "swagger" in http.get("/", follow_redirects=True).text


def test_the_document_has_every_route_of_ours(http: Http) -> None:
    document = http.get("/docs/openapi.json").json()
    served = {f"{method.upper()} {path}" for path, of in document["paths"].items() for method in of}
    page = (DOCS / "reference" / "http.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z]+ /[^`?]*)` \|", page, re.MULTILINE))
    assert {route for route in listed if " /v2" not in route} == served
