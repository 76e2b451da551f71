import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.openapi import IDENTIFIER
from domain.errors import InvalidPurchase
from domain.purchases.identifiers import MAX_CATEGORY_BYTES, text_field
from tests.api.conftest import Http
from tests.builders import USD, raw_purchase
from tests.profiles import examples

_KEYED = {"401", "403", "429"}
_READ = {"200", "400", "404", "503", "500"} | _KEYED
_CHANGE = _READ | {"409", "412", "413", "428"}
_KEY = {"400", "404", "409", "413", "503", "500"} | _KEYED
OPERATIONS = {
    "isAlive": {"200", "500"},
    "isReady": {"200", "503", "500"},
    "getPropensity": {"200", "400", "503", "500"} | _KEYED,
    "listCategories": {"200", "400", "503", "500"} | _KEYED,
    "listPropensities": {"200", "400", "404", "406", "503", "500"} | _KEYED,
    "recordPurchases": {"200", "207", "400", "413", "415", "503", "500"} | _KEYED,
    "refundPurchase": {"200", "400", "409", "413", "503", "500"} | _KEYED,
    "cancelPurchase": {"200", "400", "413", "503", "500"} | _KEYED,
    "eraseCustomer": {"200", "202", "400", "413", "503", "500"} | _KEYED,
    "listCampaigns": {"200", "400", "503", "500"} | _KEYED,
    "createCampaign": {"202", "400", "404", "409", "413", "503", "500"} | _KEYED,
    "showCampaign": {"202"} | _READ,
    **dict.fromkeys(["showCampaignResults", "showFlagResults"], _READ),
    **dict.fromkeys(["markCampaignSent", "deleteCampaign"], {"200"} | _KEY),
    "previewCampaignPower": {"200", "400", "500"} | _KEYED,
    **dict.fromkeys(["listModels", "showVersion", "listRevisions", "getModelStatus"], _READ),
    **dict.fromkeys(["promoteVersion", "rollBack", "splitTraffic", "shadowVersions"], _CHANGE),
    "evaluateFlag": {"200", "400", "404", "413", "503", "500"} | _KEYED,
    "evaluateFlags": {"200", "400", "413", "503", "500"} | _KEYED,
    "listKeys": {"200", "400", "503", "500"} | _KEYED,
    "createKey": {"201"} | _KEY,
    "rotateKey": {"200"} | _KEY,
    "revokeKey": {"200"} | _KEY,
}
STREAMS = {
    "listPropensities": ["application/x-ndjson", "text/csv"],
    "recordPurchases": ["application/x-ndjson"],
}


def operations(http: Http) -> Iterator[dict[str, Any]]:
    for path in http.get("/docs/openapi.json").json()["paths"].values():
        yield from path.values()


@pytest.mark.parametrize("page", ["/docs", "/docs/", "/docs/oauth2-redirect.html"])
def test_the_docs_page_asks_no_other_host(http: Http, page: str) -> None:
    response = http.get(page)
    assert response.headers["content-type"].startswith("text/html")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", response.text) == []


def test_everything_that_the_docs_page_loads_is_served_here(http: Http) -> None:
    page = http.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 4
    for address in loaded:
        if address != "data:,":
            asset = http.get(address)
            assert (asset.status_code, len(asset.content) > 100_000) == (200, True)
            assert re.findall(r"@import|url\([\"']?(?!data:|[\"']?data:)", css(asset.text)) == []


def css(text: str) -> str:
    """The text of a style sheet; scripts load nothing by being read."""
    return text if text.startswith(".swagger-ui") else ""


def test_every_operation_has_a_name_a_summary_and_its_problems(http: Http) -> None:
    described = {str(operation["operationId"]): operation for operation in operations(http)}
    assert described.keys() == OPERATIONS.keys()
    for name, operation in described.items():
        assert operation["summary"]
        responses = operation["responses"]
        assert responses.keys() == OPERATIONS[name]
        for status, response in responses.items():
            success = ["application/json", *(STREAMS.get(name, []) if status == "200" else [])]
            ofrep = name.startswith("evaluate") and status in {"400", "404", "500"}
            expected = success if status < "4" or ofrep else ["application/problem+json"]
            assert list(response["content"]) == expected


def test_the_documented_purchase_is_one_that_is_recorded(http: Http) -> None:
    (post,) = (op for op in operations(http) if op["operationId"] == "recordPurchases")
    body = post["requestBody"]["content"]["application/json"]
    example = body["examples"]["one"]["value"]
    assert http.post("/v1/purchases", json=example).json()["recorded"] == 1
    schemas = http.get("/docs/openapi.json").json()["components"]["schemas"]
    assert body["schema"]["$ref"].endswith("/PurchasesToRecord")
    purchase = schemas["PurchaseToRecord"]
    assert set(purchase["required"]) == set(purchase["properties"]) == set(raw_purchase())


@given(
    text=st.text(
        st.sampled_from(
            "a \t\x00.-#0\x7f\x85\xa0\u1680\u2007\u200b\u200c\u2028\u2029\u202f\u3000\ue000é"
        )
        | st.characters(codec="utf-8", exclude_categories=["Cn"]),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=examples(500))
def test_whatever_the_domain_takes_fits_the_documented_pattern(text: str) -> None:
    try:
        accepted = bool(text_field({"category": text}, "category", MAX_CATEGORY_BYTES))
    except InvalidPurchase:
        accepted = False
    assert re.fullmatch(IDENTIFIER, text) or not accepted


def test_the_document_names_the_deployments_currency(http: Http) -> None:
    assert USD.code in http.get("/docs/openapi.json").json()["info"]["description"]
