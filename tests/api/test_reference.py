"""The way from the front page to the documentation, and the page that lists the routes."""

import re

from tests.api.conftest import Http
from tests.docs.pages import DOCS


def test_the_front_page_leads_to_the_documentation(http: Http) -> None:
    answer = http.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert "swagger" in http.get("/", follow_redirects=True).text


def test_the_reference_lists_the_routes_that_are_served(http: Http) -> None:
    document = http.get("/docs/openapi.json").json()
    served = {f"{method.upper()} {path}" for path, of in document["paths"].items() for method in of}
    page = (DOCS / "reference" / "http.md").read_text()
    assert set(re.findall(r"^\| `([A-Z]+ /[^`?]*)` \|", page, re.MULTILINE)) == served
