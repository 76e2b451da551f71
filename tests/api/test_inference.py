"""The Open Inference Protocol, version 2: feature vectors in, probabilities out."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from httpx import Response
from numpy.typing import NDArray

from api.http.access import Access, Openness
from api.http.routes.inference import INLINE_ROWS, MAX_BODY_BYTES, MAX_ROWS
from domain.errors import CorruptRecord
from domain.keys import Scope
from domain.prediction import Arm, Traffic
from tests.api.conftest import Http, Shop, client_of, keyed
from tests.builders import a_purchase, a_served_model
from tests.fakes import SaturatingScorer

MODEL = "/v2/models/propensity"
INFER = f"{MODEL}/infer"


def tensor(data: object, rows: int, columns: int = 1, **others: object) -> dict[str, Any]:
    return {
        "name": "features",
        "datatype": "FP64",
        "shape": [rows, columns],
        "data": data,
        **others,
    }


def ask(http: Http, given: dict[str, Any], path: str = INFER, **others: object) -> Response:
    return http.post(path, json={"inputs": [given], **others})


def error_of(answer: Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    return str(body["error"])


def test_each_row_has_its_probability(http: Http) -> None:
    answer = ask(http, tensor([3.0, 0.0, 1.0], 3), id="mine").json()
    assert answer == {
        "model_name": "propensity",
        "model_version": "7",
        "id": "mine",
        "outputs": [
            {"name": "probability", "shape": [3], "datatype": "FP64", "data": [0.75, 0.0, 0.5]}
        ],
    }


@pytest.mark.parametrize("rows", [0, 1, INLINE_ROWS, INLINE_ROWS + 1, MAX_ROWS])
def test_any_number_of_rows_is_scored(http: Http, rows: int) -> None:
    answer = ask(http, tensor([1.0] * rows, rows)).json()
    assert answer["outputs"][0]["data"] == [0.5] * rows
    assert "id" not in answer


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "INT32"])
def test_rows_may_be_nested_and_numbers_of_any_kind(http: Http, datatype: str) -> None:
    answer = ask(http, tensor([[3], [1]], 2, datatype=datatype)).json()
    assert answer["outputs"][0]["data"] == [0.75, 0.5]


def test_what_it_tells_is_what_a_prediction_tells(http: Http, shop: Shop) -> None:
    asyncio.run(shop.record([a_purchase(customer_id="c", amount_minor=700)]))
    predicted = http.get("/v1/customers/c/propensity").json()
    features = list(predicted["features"].values())
    told = ask(http, tensor([features], 1)).json()
    assert told["outputs"][0]["data"] == [predicted["probability"]]
    (described,) = http.get(MODEL).json()["inputs"]
    assert described["parameters"]["names"] == list(predicted["features"])


def test_every_version_that_is_loaded_answers(http: Http, shop: Shop) -> None:
    challenger = a_served_model(SaturatingScorer(), version=8, arm=Arm.CHALLENGER)
    shop.others[None] = Traffic(
        champion=a_served_model(SaturatingScorer(), version=7),
        challenger=challenger,
        basis_points=100,
        shadows=(a_served_model(SaturatingScorer(), version=9),),
    )
    assert http.get(MODEL).json()["versions"] == ["7", "8", "9"]
    for version in ("7", "8", "9"):
        path = f"{MODEL}/versions/{version}"
        assert ask(http, tensor([1.0], 1), f"{path}/infer").json()["model_version"] == version
        assert http.get(f"{path}/ready").json() == {"name": "propensity", "ready": True}
    assert ask(http, tensor([1.0], 1)).json()["model_version"] == "7"
    assert "7, 8, 9" in error_of(http.get(f"{MODEL}/versions/1"), 404)


def test_the_server_says_who_it_is_and_that_it_is_there(http: Http, shop: Shop) -> None:
    assert http.get("/v2").json()["name"] == "propensity"
    assert http.get("/v2/health/live").json() == {"live": True}
    assert http.get("/v2/health/ready").json() == {"ready": True}
    shop.live = False
    assert http.get("/v2/health/ready").status_code == 503
    assert "promote" in error_of(http.get(f"{MODEL}/ready"), 503)
    assert "promote" in error_of(ask(http, tensor([1.0], 1)), 503)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (tensor([1.0], 1, name="x"), "features"),
        (tensor([1.0, 2.0], 1, 2), "needs 1"),
        (tensor([1.0, 2.0], 1), "2 numbers"),
        (tensor([], 1), "0 numbers"),
        (tensor(["1.0"], 1), "numbers"),
        (tensor([True], 1), "numbers"),
        (tensor([None], 1), "numbers"),
        (tensor([[1.0], [1.0, 2.0]], 2), "numbers"),
        (tensor([10**400], 1), "numbers"),
        (tensor([1.0], 1, datatype="BYTES"), "datatype"),
        (tensor([1.0], -1), "shape"),
        ({"name": "features", "shape": [1], "datatype": "FP64", "data": [1.0]}, "shape"),
        ({"name": "features", "shape": [1, 1], "datatype": "FP64"}, "data"),
        (tensor([1.0] * (MAX_ROWS + 1), MAX_ROWS + 1), str(MAX_ROWS)),
    ],
)
def test_a_tensor_that_is_not_the_models_is_refused(
    http: Http, given: dict[str, Any], named: str
) -> None:
    assert named in error_of(ask(http, given), 400)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(http: Http, number: str) -> None:
    body = json.dumps({"inputs": [tensor(["here"], 1)]}).replace('"here"', number)
    answer = http.post(INFER, content=body, headers={"content-type": "application/json"})
    error_of(answer, 400)


def test_other_requests_are_refused_in_the_protocols_words(http: Http, shop: Shop) -> None:
    assert "no model other" in error_of(http.get("/v2/models/other"), 404)
    assert "needs its data in JSON" in error_of(
        http.post(
            INFER,
            json={"inputs": [tensor([1.0], 1)]},
            headers={"Inference-Header-Content-Length": "10"},
        ),
        400,
    )
    outputs = [{"name": "label"}]
    assert "probability" in error_of(ask(http, tensor([1.0], 1), outputs=outputs), 400)
    error_of(http.post(INFER, content=b"{"), 400)
    error_of(http.post(INFER, content=b" " * (MAX_BODY_BYTES + 1)), 413)
    shop.access = Access(keyring=shop.keyring, openness=Openness.NONE)
    other = client_of(shop)
    other.headers.pop("authorization")
    assert error_of(ask(other, tensor([1.0], 1)), 401)
    for scope in set(Scope) - {Scope.PREDICT}:
        answer = other.post(INFER, json={"inputs": [tensor([1.0], 1)]}, headers=keyed(scope))
        error_of(answer, 403)


class Broken(SaturatingScorer):
    """Gives no probability."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        return super().score(matrix) + 1.0


def test_a_score_that_is_no_probability_is_no_answer(http: Http, shop: Shop) -> None:
    shop.others[None] = Traffic(champion=a_served_model(Broken()))
    assert "logged" in error_of(ask(http, tensor([1.0], 1)), 500)
    with pytest.raises(CorruptRecord):
        a_served_model(Broken()).probabilities(np.ones((1, 1)))
