"""The snippet and the demo's shop, as they are served."""

import base64
import hashlib
import re

import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from api.cli.main import app
from api.process import Settings
from tests.api.conftest import Http, Shop, app_over


def test_the_snippet_is_served_to_every_page_and_a_304_to_who_has_it(http: Http) -> None:
    first = http.get("/snippet.js", headers={"origin": "https://any.example"})
    assert first.status_code == 200
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["access-control-allow-origin"] == "*"
    again = http.get("/snippet.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_printed_tag_holds_the_hash_of_what_is_served(http: Http) -> None:
    words = ["snippet", "--url", "https://p.example/x/", "--key", "pp_pk_1", "--show", '#a"b']
    printed = CliRunner().invoke(app, words).stdout
    digest = hashlib.sha384(http.get("/snippet.js").content).digest()
    assert f'integrity="sha384-{base64.b64encode(digest).decode()}"' in printed
    assert 'src="https://p.example/x/snippet.js"' in printed
    assert 'data-show="#a&quot;b"' in printed


@pytest.mark.parametrize(("url", "key"), [("p.example", "pp_pk_1"), ("https://p", "pp_sk_1")])
def test_no_tag_is_printed_with_a_secret_key_or_without_a_server(url: str, key: str) -> None:
    done = CliRunner().invoke(app, ["snippet", "--url", url, "--key", key])
    assert done.exit_code != 0
    assert done.stdout == ""


def test_only_the_demo_has_a_shop_where_anybody_is_any_customer(http: Http) -> None:
    assert http.get("/demo-shop?customer=buyer").status_code == 404
    with pytest.raises(ValueError, match="demo_shop"):
        Settings(demo_shop=True)
    with pytest.raises(ValueError, match="demo_shop"):
        Settings(demo_shop=True, host="0.0.0.0")  # noqa: S104  # refused


def test_the_demos_shop_runs_no_script_of_its_customers_names(shop: Shop) -> None:
    ours = app_over(shop, sign_token=lambda customer: f"token-of-{len(customer)}")
    with TestClient(ours) as http:
        page = http.get("/demo-shop", params={"customer": '"><script>alert(1)</script>'})
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        policy = page.headers["content-security-policy"]
        assert "'unsafe-inline'" not in policy
        assert page.headers["cache-control"] == "no-store"
        for address in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert http.get(address).status_code == 200
        assert http.get("/demo-shop?customer=..").status_code == 400
        assert 'data-token=""' in http.get("/demo-shop").text
