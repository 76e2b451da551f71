"""Two hundred texts that would like to be more: every page shows them as text, or refuses them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from domain.errors import PropensityError
from domain.purchases import MAX_CATEGORY_BYTES, customer_id_of, name_of
from tests.api.conftest import Shop
from tests.builders import NOW, a_purchase
from tests.console.conftest import EVERY_KEY, Person
from tests.console.test_signing_in import pages
from tests.pictures import hostile_texts

_OURS = re.compile(r"(/console|\?|#)[^\\]*|data:,|", re.DOTALL)
_LEADS = {
    "href",
    "src",
    "action",
    "formaction",
    "hx-get",
    "hx-post",
    "data",
    "poster",
    "xlink:href",
}
_NEVER = {"iframe", "object", "embed", "base", "style", "img", "foreignobject"}
PARAMETERS = (
    *("customer", "model", "category", "version", "beside", "actor", "act", "after", "days"),
    *("low", "high", "for", "at", "next", "campaign", "flag", "reason", "page"),
)


class _Found(HTMLParser):
    """What a page holds that no page of ours does."""

    def __init__(self) -> None:
        super().__init__()
        self.harm: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _NEVER or (
            tag == "script" and not (given.get("src") or "").startswith("/console/static/")
        ):
            self.harm.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith(("on", "hx-on")) or name in {"style", "srcdoc"}:
                self.harm.append(f"{tag} {name}")
            if name in _LEADS and not _OURS.fullmatch(value or ""):
                self.harm.append(f"{tag} {name}={value}")
        if tag == "meta" and "http-equiv" in given:
            self.harm.append("meta http-equiv")


def harm_in(html: str) -> list[str]:
    parser = _Found()
    parser.feed(html)
    return parser.harm


def test_harm_is_seen() -> None:
    for html in (
        "<script>1</script>",
        "<script src='//evil.example/x.js'></script>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='/\\evil.example'>x</a>",
        "<img src=x onerror=alert(1)>",
        "<p onclick=alert(1)>",
        "<svg><foreignObject></foreignObject></svg>",
        "<form action='https://evil.example'>",
        "<p style='x'>",
    ):
        assert harm_in(html), html
    assert (
        harm_in("<a href='/console/models'>x</a><script src='/console/static/h.js'></script>") == []
    )


def asked(shop: Shop) -> Iterator[str]:
    """The template of each page."""
    for method, template, _, scope in pages(shop):
        if method == "GET" and "static" not in template:
            del scope
            yield template


@pytest.mark.full
def test_no_page_reflects_what_was_asked_as_more_than_text(person: Person, shop: Shop) -> None:
    templates = sorted(set(asked(shop)))
    assert len(templates) > 15
    for text in hostile_texts():
        spelled = text.encode("utf-8", "replace").decode()
        for template in templates:
            path = re.sub(r"{[^}]*}", quote(spelled[:200], safe="") or "x", template)
            answer = person.http.get(
                path,
                params=dict.fromkeys(PARAMETERS, spelled[:200]),
                headers={"accept": "text/html", "hx-current-url": quote(spelled)},
            )
            assert answer.status_code != 500, (template, text)
            assert harm_in(answer.text) == [], (template, text)
            assert "\r" not in str(answer.headers)


def names() -> list[str]:
    """Of the texts those that an id and a category may be."""
    found = []
    for text in hostile_texts():
        try:
            found.append(name_of(customer_id_of(text), "category", MAX_CATEGORY_BYTES))
        except PropensityError:
            continue
    return found


@pytest.mark.full
def test_what_is_stored_is_shown_as_text(person: Person, shop: Shop) -> None:
    assert len(names()) > 50
    for number, name in enumerate(names()):
        purchase = a_purchase(
            customer_id=name, category=name, purchase_id=f"p-{number}", purchased_at=NOW - number
        )
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    person.sign_in(EVERY_KEY)
    listed = person.get("/console/audiences").text
    assert harm_in(listed) == []
    for name in names():
        segment = quote(name, safe="")
        for path in (f"/console/customers/{segment}", f"/console/audiences/{segment}"):
            answer = person.get(path)
            assert answer.status_code == 200, (path, answer.text[:2000])
            assert harm_in(answer.text) == [], path
