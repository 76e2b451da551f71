"""The OpenFeature SDKs as they are published, in a browser, in Node and in Python."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails
from playwright.sync_api import Page, Response

from domain.keys import Scope
from tests.api.conftest import PUBLISHABLE, SECRETS
from tests.web.conftest import HERE, Served, Site
from tests.web.tokens import token

pytestmark = pytest.mark.full
FLAG = "promotion-banner"
BULK = "/ofrep/v1/evaluate/flags"
PAGE = """<!doctype html><title>shop</title>
<script type="importmap">{"imports": {
  "@openfeature/core": "/node_modules/@openfeature/core/dist/esm/index.js",
  "@openfeature/web-sdk": "/node_modules/@openfeature/web-sdk/dist/esm/index.js",
  "@openfeature/ofrep-web-provider": "/node_modules/@openfeature/ofrep-web-provider/index.esm.js",
  "@openfeature/ofrep-core":
    "/node_modules/@openfeature/ofrep-web-provider/node_modules/@openfeature/ofrep-core/index.esm.js"
}}</script>
<script type="module">
import { OpenFeature } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
const { base, headers, context } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const provider = new OFREPWebProvider({ baseUrl: base, headers, pollInterval: -1, timeoutMs: 5000 });
try { await OpenFeature.setProviderAndWait(provider, context); } catch (error) { window.failed = String(error); }
window.details = () => OpenFeature.getClient().getBooleanDetails("promotion-banner", false);
window.again = () => OpenFeature.setContext({ ...context, again: true });
window.ready = true;
</script>"""


@pytest.fixture
def asks(page: Page, pages: Site, served: Served) -> Callable[..., dict[str, Any]]:
    """What the page's SDK says of the banner, after it asked with these headers."""

    def ask(
        headers: Mapping[str, str], context: Mapping[str, object], at: Site = pages
    ) -> dict[str, Any]:
        asked = {"base": served.address, "headers": list(headers.items()), "context": context}
        page.goto("about:blank")  # another fragment alone would load nothing
        page.goto(at.write("openfeature.html", PAGE) + "#" + json.dumps(asked))
        page.wait_for_function("window.ready")
        details: dict[str, Any] = page.evaluate("window.details()")
        return details

    return ask


def answers_of(page: Page) -> list[Response]:
    """The page's answers of the bulk route, from now on."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        if BULK in answer.url:
            answers.append(answer)

    page.on("response", note)
    return answers


def visitor(customer: str) -> dict[str, str]:
    return {"X-API-Key": PUBLISHABLE, "Authorization": f"Bearer {token(customer)}"}


def test_a_page_of_another_origin_gets_the_banners_decision(
    asks: Callable[..., dict[str, Any]],
) -> None:
    shown = asks(visitor("buyer"), {"targetingKey": "buyer"})
    assert (shown["value"], shown["variant"], shown["reason"]) == (True, "on", "TARGETING_MATCH")
    hidden = asks(visitor("somebody"), {"targetingKey": "somebody"})
    assert (hidden["value"], hidden["variant"], hidden["reason"]) == (False, "off", "DEFAULT")


def test_a_visitor_who_is_not_logged_in_gets_the_default(
    asks: Callable[..., dict[str, Any]],
) -> None:
    details = asks({"X-API-Key": PUBLISHABLE}, {"targetingKey": "any"})
    assert (details["value"], details["reason"]) == (False, "DEFAULT")
    assert details["flagMetadata"] == {"cause": "anonymous"}


def test_the_second_question_of_a_page_is_a_304(
    asks: Callable[..., dict[str, Any]], page: Page
) -> None:
    def is_asked(answer: Response) -> bool:
        return BULK in answer.url and answer.request.method == "POST"

    with page.expect_response(is_asked) as first:
        asks(visitor("buyer"), {"targetingKey": "buyer"})
    with page.expect_response(is_asked) as second:
        page.evaluate("window.again()")
    assert (first.value.status, second.value.status) == (200, 304)
    assert page.evaluate("window.details().value") is True


@pytest.mark.parametrize("wrong", ["key", "token", "customer"])
def test_what_is_refused_is_the_callers_default(
    asks: Callable[..., dict[str, Any]], page: Page, wrong: str
) -> None:
    headers, customer = visitor("buyer"), "buyer"
    if wrong == "key":
        headers["X-API-Key"] = PUBLISHABLE[:-1] + "f"
    elif wrong == "token":
        headers["Authorization"] += "x"
    else:
        customer = "another"
    details = asks(headers, {"targetingKey": customer})
    assert (details["value"], details["reason"]) == (False, "ERROR")
    assert page.evaluate("window.failed")


def test_a_page_of_an_origin_that_no_key_names_is_told_nothing(
    asks: Callable[..., dict[str, Any]], page: Page, strangers: Site
) -> None:
    answers = answers_of(page)
    details = asks(visitor("buyer"), {"targetingKey": "buyer"}, strangers)
    assert (details["value"], details["reason"]) == (False, "ERROR")
    assert 200 not in [each.status for each in answers]


def test_where_the_server_is_down_the_page_has_its_default(
    asks: Callable[..., dict[str, Any]], served: Served
) -> None:
    served.stop()
    details = asks(visitor("buyer"), {"targetingKey": "buyer"})
    assert (details["value"], details["reason"]) == (False, "ERROR")
    served.start()


NODE = """
const { OpenFeature } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");
const [base, key, ...customers] = process.argv.slice(1);
(async () => {
  const headers = key ? [["X-API-Key", key]] : [];
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: base, headers }));
  const client = OpenFeature.getClient(), found = [];
  for (const targetingKey of customers)
    found.push(await client.getBooleanDetails("promotion-banner", false, { targetingKey }));
  found.push(await client.getBooleanDetails("unknown", true, { targetingKey: "c" }));
  console.log(JSON.stringify(found));
})();
"""


def node(address: str, key: str, *customers: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", "-e", NODE, address, key, *customers],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_server_in_node_asks_about_anybody(served: Served) -> None:
    shown, hidden, unknown = node(served.address, SECRETS[Scope.DECIDE], "buyer", "somebody")
    assert (shown["value"], shown["variant"], shown["reason"]) == (True, "on", "TARGETING_MATCH")
    assert (hidden["value"], hidden["reason"]) == (False, "DEFAULT")
    assert (unknown["value"], unknown["errorCode"]) == (True, "FLAG_NOT_FOUND")
    refused, _ = node(served.address, SECRETS[Scope.PREDICT], "buyer")
    assert (refused["value"], refused["reason"]) == (False, "ERROR")
    served.stop()
    down, _ = node(served.address, SECRETS[Scope.DECIDE], "buyer")
    assert (down["value"], down["reason"]) == (False, "ERROR")
    served.start()


@pytest.fixture
def python_asks(served: Served) -> Iterator[Callable[..., FlagEvaluationDetails[bool]]]:
    def ask(customer: str, *, key: str, flag: str = FLAG) -> FlagEvaluationDetails[bool]:
        api.set_provider(OFREPProvider(served.address, headers_factory=lambda: {"X-API-Key": key}))
        context = EvaluationContext(targeting_key=customer)
        return api.get_client().get_boolean_details(flag, False, context)

    yield ask
    api.clear_providers()


def test_a_server_in_python_asks_about_anybody(
    python_asks: Callable[..., FlagEvaluationDetails[bool]], served: Served
) -> None:
    key = SECRETS[Scope.DECIDE]
    shown, hidden = python_asks("buyer", key=key), python_asks("somebody", key=key)
    assert (shown.value, shown.variant, shown.reason) == (True, "on", "TARGETING_MATCH")
    assert (hidden.value, hidden.reason) == (False, "DEFAULT")
    assert str(python_asks("buyer", key=key, flag="unknown").error_code) == "FLAG_NOT_FOUND"
    assert python_asks("buyer", key=SECRETS[Scope.PREDICT]).reason == "ERROR"
    served.stop()
    assert python_asks("buyer", key=key).value is False
    served.start()
