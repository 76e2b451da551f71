"""Flags over OFREP: who may ask about whom, what is answered, and that it is never late."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import msgspec
import pytest
from httpx import Response

from api.documents.flags import FlagEvaluation
from domain.decisions import Flag, Policy, TopShare
from domain.errors import CorruptRecord, StoreUnavailable
from domain.features import TARGET, Aggregation, Feature, FeatureSet
from domain.keys import Scope
from domain.prediction import DecideFlags, PredictPropensity, SharedScores, Traffic
from domain.recent import ByTime
from domain.values import MICROS_PER_SECOND, Consistency, Window
from tests.api.conftest import BROWSER, SHOP_ORIGIN, TOKEN_SECRET, Http, Shop, client_of, keyed
from tests.api.problems import problem_of
from tests.builders import NOW, USD, a_policy, a_purchase, a_served_model
from tests.fakes import SaturatingScorer
from tests.logged import lines_of

FLAGS = "/ofrep/v1/evaluate/flags"
BANNER = f"{FLAGS}/promotion-banner"
SERVER = keyed(Scope.DECIDE)
NOW_S = NOW // MICROS_PER_SECOND
SHOWN = {"key": "promotion-banner", "value": True, "variant": "on", "reason": "TARGETING_MATCH"}
HIDDEN = {"key": "promotion-banner", "value": False, "variant": "off", "reason": "DEFAULT"}


@pytest.fixture(autouse=True)
def _a_buyer(shop: Shop) -> None:
    """One customer within the banner's range, and any other below it."""
    asyncio.run(shop.record([a_purchase(customer_id="buyer", amount_minor=100)]))


def token(customer: str, **changes: object) -> str:
    claims = {"sub": customer, "aud": "propensity", "exp": NOW_S + 600, **changes}
    return jwt.encode(claims, TOKEN_SECRET, "HS256")


def visitor(customer: str, **changes: object) -> dict[str, str]:
    return BROWSER | {"authorization": f"Bearer {token(customer, **changes)}"}


def ask(http: Http, headers: Mapping[str, str], targeting_key: object = None) -> Response:
    http.headers.pop("authorization", None)
    context = {} if targeting_key is None else {"targetingKey": targeting_key}
    return http.post(BANNER, json={"context": context}, headers=dict(headers))


def failure(answer: Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["errorCode"] == code
    return str(body["errorDetails"])


def test_a_server_asks_about_anybody(http: Http) -> None:
    assert ask(http, SERVER, "buyer").json() == SHOWN
    assert ask(http, SERVER, "somebody new").json() == HIDDEN


def test_a_page_is_told_about_its_visitor_and_no_more_than_the_variant(http: Http) -> None:
    for named in (None, "buyer"):
        answer = ask(http, visitor("buyer"), named)
        assert answer.json() == SHOWN
    assert ask(http, visitor("somebody new")).json() == HIDDEN


def test_a_page_cannot_ask_about_anybody_else(http: Http) -> None:
    problem_of(ask(http, visitor("me"), "buyer"), 403, "forbidden")
    for customer in ("buyer", "somebody new"):  # without a token, names are not looked at
        assert ask(http, BROWSER, customer).json() == HIDDEN | {"metadata": {"cause": "anonymous"}}


def test_an_expired_token_gets_the_default_with_its_reason(http: Http, shop: Shop) -> None:
    shop.trouble = CorruptRecord("nothing may be read")
    answer = ask(http, visitor("buyer", exp=NOW_S - 60))
    assert answer.json() == HIDDEN | {"metadata": {"cause": "token-expired"}}


@pytest.mark.parametrize(
    "authorization",
    [
        jwt.encode({"sub": "buyer", "aud": "propensity", "exp": NOW_S + 600}, "", "none"),
        jwt.encode({"sub": "buyer", "aud": "propensity", "exp": NOW_S + 600}, "y" * 32, "HS256"),
        jwt.encode({"sub": "buyer", "aud": "other", "exp": NOW_S + 600}, TOKEN_SECRET, "HS256"),
        jwt.encode({"sub": "buyer", "aud": "propensity"}, TOKEN_SECRET, "HS256"),
        jwt.encode({"sub": "buyer", "aud": "propensity", "exp": 2**40}, TOKEN_SECRET, "HS256"),
        "x",
        "x.y.z",
    ],
)
def test_a_token_that_is_none_is_refused(http: Http, authorization: str) -> None:
    for key in (BROWSER, {"x-api-key": SERVER["authorization"].removeprefix("Bearer ")}):
        answer = ask(http, key | {"authorization": f"Bearer {authorization}"}, "buyer")
        problem_of(answer, 401, "invalid-token")


def test_a_page_of_another_origin_is_refused(http: Http) -> None:
    for origin in ({"origin": "https://evil.example"}, {"origin": "null"}):
        answer = ask(http, visitor("buyer") | origin)
        problem_of(answer, 403, "forbidden")
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"
    without = {name: value for name, value in visitor("buyer").items() if name != "origin"}
    problem_of(ask(http, without), 403, "forbidden")


def test_the_pages_origin_may_read_the_answer_and_errors_too(http: Http) -> None:
    for answer in (ask(http, visitor("buyer")), ask(http, BROWSER | {"x-api-key": "x"})):
        assert answer.headers["access-control-allow-origin"] == SHOP_ORIGIN
        assert "etag" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]


def test_a_preflight_is_answered_for_the_pages_of_keys_only(http: Http) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    allowed = http.options(BANNER, headers=asked | {"origin": SHOP_ORIGIN})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == SHOP_ORIGIN
    for name in ("authorization", "content-type", "x-api-key", "if-none-match"):
        assert name in allowed.headers["access-control-allow-headers"]
    refused = http.options(BANNER, headers=asked | {"origin": "https://evil.example"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    other = http.options("/v1/categories", headers=asked | {"origin": SHOP_ORIGIN})
    assert "access-control-allow-origin" not in other.headers


def test_no_other_route_is_read_by_pages(http: Http) -> None:
    answer = http.get("/v1/categories", headers={"origin": SHOP_ORIGIN})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_what_is_no_question_is_refused_as_the_protocol_says(http: Http) -> None:
    assert "targetingKey" in failure(ask(http, SERVER), 400, "TARGETING_KEY_MISSING")
    for wrong in (7, "", "..", "x" * 257, ["buyer"], "a\nb"):
        failure(ask(http, SERVER, wrong), 400, "INVALID_CONTEXT")
    for body in (b"", b"{", b"[]", b"{}", b'{"context": 1}', b'{"context":{},"context":{}}'):
        failure(http.post(BANNER, content=body, headers=SERVER), 400, "PARSE_ERROR")
    answer = http.post(f"{FLAGS}/unknown", json={"context": {"targetingKey": "c"}}, headers=SERVER)
    assert "unknown" in failure(answer, 404, "FLAG_NOT_FOUND")
    assert answer.json()["key"] == "unknown"


def bulk(http: Http, headers: Mapping[str, str]) -> Response:
    return http.post(FLAGS, json={"context": {"targetingKey": "buyer"}}, headers=dict(headers))


def test_every_flag_comes_at_once_and_unchanged_is_a_304(shop: Shop) -> None:
    shop.flags.append(
        Flag(
            key="colour",
            policy=TopShare(1),
            variants={"a": "blue", "b": "red"},
            act="b",
            default="a",
        )
    )
    with client_of(shop) as http:
        first = bulk(http, SERVER)
        assert [flag["key"] for flag in first.json()["flags"]] == ["promotion-banner", "colour"]
        assert first.headers["cache-control"] == "private, no-cache"
        etag = first.headers["etag"]
        for sent in (etag, f'"x", {etag}', f"W/{etag}"):
            again = bulk(http, SERVER | {"if-none-match": sent})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        assert bulk(http, SERVER | {"if-none-match": '"other"'}).status_code == 200
        shop.purchases.clear()
        assert bulk(http, SERVER | {"if-none-match": etag}).status_code == 200


def test_one_flag_has_an_etag_too(http: Http) -> None:
    etag = ask(http, SERVER, "buyer").headers["etag"]
    assert ask(http, SERVER | {"if-none-match": etag}, "buyer").status_code == 304
    assert ask(http, SERVER | {"if-none-match": etag}, "somebody new").status_code == 200


def test_no_log_names_a_customer_or_repeats_a_token(
    http: Http, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    canary = visitor("canary-customer")
    signature = canary["authorization"].rpartition(".")[2]
    for trouble in (None, StoreUnavailable("gone"), RuntimeError("unexpected")):
        shop.trouble = trouble
        for headers in (canary, canary | {"authorization": canary["authorization"] + "x"}):
            for named in (None, "canary-customer", "canary-other"):
                answer = ask(http, headers, named)
                for secret in ("canary", signature):
                    assert secret not in answer.text + str(answer.headers)
    assert "canary" not in caplog.text
    assert signature not in caplog.text


def test_a_held_out_customer_gets_the_default_without_a_read(shop: Shop) -> None:
    banner = shop.flags[0]
    shop.flags[0] = Flag(
        key=banner.key,
        policy=banner.policy,
        variants=banner.variants,
        act="on",
        default="off",
        holdout=9_999,
    )
    shop.trouble = CorruptRecord("nothing may be read")
    with client_of(shop) as http:
        assert ask(http, SERVER, "buyer").json() == HIDDEN | {"reason": "SPLIT"}


@pytest.mark.parametrize("trouble", [StoreUnavailable("gone"), CorruptRecord("damaged")])
def test_what_cannot_be_read_is_the_default_and_counted(
    shop: Shop, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with client_of(shop) as http:
        shop.trouble = trouble
        for _ in range(3):
            answer = ask(http, SERVER, "buyer").json()
            assert answer == HIDDEN | {"reason": "ERROR", "metadata": {"cause": "unavailable"}}
        assert shop.fallbacks.total == {"unavailable": 3}
        told = [line for line in lines_of(caplog) if line["event"] == "decisions_defaulted"]
        assert [line["causes"] for line in told] == [{"unavailable": 1}]
        shop.trouble, shop.live = None, False
        assert ask(http, SERVER, "buyer").json()["reason"] == "ERROR"


def test_a_decision_is_never_late(shop: Shop) -> None:
    async def hang(*_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    shop.between = hang  # type: ignore[method-assign]
    shop.decision_deadline_s = 0.01
    with client_of(shop) as http:
        answer = ask(http, SERVER, "buyer").json()
    assert answer == HIDDEN | {"reason": "ERROR", "metadata": {"cause": "timeout"}}
    assert shop.fallbacks.total == {"timeout": 1}


def test_an_unexpected_error_is_one_of_the_protocol_and_tells_nothing(shop: Shop) -> None:
    with client_of(shop) as http:
        shop.trouble = RuntimeError("canary")
        answer = ask(http, SERVER, "buyer")
    assert answer.status_code == 500
    assert list(answer.json()) == ["errorDetails"]
    assert "canary" not in answer.text


def test_a_flag_may_act_on_the_top_share_of_the_versions_held_out_customers() -> None:
    shares = {2_000: 0.4}
    policy = TopShare(2_000)
    acts = [policy.acts_on(p, shares.__getitem__) for p in (0.39, 0.4, 0.41)]
    assert acts == [False, False, True]
    within = Policy(name="p", min_probability=0.3, max_probability=0.4)
    acts = [within.acts_on(p, shares.__getitem__) for p in (0.29, 0.3, 0.4, 0.41)]
    assert acts == [False, True, True, False]


def test_a_flag_is_decided_by_the_model_and_in_the_category_that_it_names(shop: Shop) -> None:
    within = FeatureSet((Feature(Aggregation.PURCHASE_COUNT, Window.days(30), TARGET),), USD)
    model = replace(a_served_model(SaturatingScorer(), features=within), name="within")
    shop.others["within"] = Traffic(champion=model)
    policy = Policy(name="any", min_probability=0.4, max_probability=1.0)
    shop.flags += [
        replace(
            Flag.banner(policy), key=f"flag-{category or 'none'}", model="within", category=category
        )
        for category in ("grocery", "jewellery", None)
    ]
    with client_of(shop) as http:
        found = http.post(FLAGS, json={"context": {"targetingKey": "buyer"}}, headers=SERVER).json()
    told = {flag["key"]: (flag.get("value"), flag.get("reason")) for flag in found["flags"]}
    assert told["flag-grocery"] == (True, "TARGETING_MATCH")
    assert told["flag-jewellery"] == (False, "DEFAULT")
    assert told["flag-none"][1] != "TARGETING_MATCH"  # the model needs a category
    assert told["promotion-banner"] == (True, "TARGETING_MATCH")


def test_a_decision_that_rests_on_an_eventual_read_says_so(shop: Shop) -> None:
    predict = PredictPropensity(
        score=SharedScores({each: ByTime(shop) for each in Consistency}),
        traffic=shop.traffic,
        policy=a_policy(),
        clock=shop.clock,
    )
    (flag,) = (each for each in shop.flags if each.key == "promotion-banner")
    told = []
    for consistency in Consistency:
        decide = DecideFlags(
            predict=replace(predict, consistency=consistency), flags={}, deadline_s=10.0
        )
        (decision,) = asyncio.run(decide("buyer", [flag]))
        told.append(msgspec.to_builtins(FlagEvaluation.of(decision)))
    assert told == [SHOWN, SHOWN | {"metadata": {"consistency": "eventual"}}]
