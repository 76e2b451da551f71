"""HEAD wherever GET is."""

import pytest

from tests.api.conftest import Http, Shop
from tests.builders import a_purchase, raw_of


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/livez", "*/*"),
        ("/readyz", "*/*"),
        ("/", "*/*"),
        ("/docs", "text/html"),
        ("/docs/openapi.json", "*/*"),
        ("/v1/customers/c/propensity", "*/*"),
        ("/v1/categories", "*/*"),
        ("/v1/categories/grocery/propensities", "*/*"),
        ("/v1/categories/grocery/propensities", "application/x-ndjson"),
        ("/v1/categories/nobody/propensities", "*/*"),
        ("/v1/models", "*/*"),
        ("/nothing", "*/*"),
    ],
)
def test_head_answers_as_get_without_a_body(http: Http, path: str, accept: str) -> None:
    http.post("/v1/purchases", json={"purchases": [raw_of(a_purchase())]})
    headers = {"Accept": accept, "Authorization": "Bearer reader"}
    get = http.get(path, headers=headers, follow_redirects=False)
    head = http.head(path, headers=headers, follow_redirects=False)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("content-type") == get.headers.get("content-type")
    assert head.headers.get("location") == get.headers.get("location")


def test_head_of_a_stream_reads_no_more_than_its_beginning(http: Http, shop: Shop) -> None:
    shop.page_size = 10
    for n in range(1_500):
        purchase = a_purchase(customer_id=f"c-{n}")
        shop.purchases[purchase.customer_id, purchase.purchase_id] = purchase
    stream = {"Accept": "application/x-ndjson"}
    path = "/v1/categories/grocery/propensities"
    assert http.head(path, headers=stream).status_code == 200
    began = len(shop.calls)
    assert http.get(path, headers=stream).status_code == 200
    assert began < len(shop.calls) - began
