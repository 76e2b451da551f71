"""The Open Inference Protocol, version 2: feature vectors in, probabilities out.

It has a document of its own, so these routes are not in ours. Errors are {"error": TEXT}.
"""

import asyncio
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET
from numpy.typing import NDArray

from api.documents.inference import (
    FEATURES,
    PLATFORM,
    PROBABILITY,
    InferenceError,
    InferenceRequest,
    InferenceResponse,
    InputTensor,
    ModelMetadata,
    ModelReady,
    OutputTensor,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from api.http.access import PUBLIC, asks
from api.http.openapi import JSON
from api.http.problems import AnyRequest, domain_problem, http_problem, unexpected_problem
from api.http.services import Readiness
from domain.errors import InvalidRequest, NotFound, PropensityError
from domain.keys import Scope
from domain.prediction import ServedModel, Traffic

MODEL = "/v2/models/{name:str}"
VERSION = MODEL + "/versions/{version:str}"
MAX_BODY_BYTES = 4_000_000
MAX_ROWS = 10_000
INLINE_ROWS = 100
"""More rows are scored in a thread, so that nobody else waits for them."""
ModelName = Annotated[str, PathParameter(description="The model's name.")]
BINARY = "Inference-Header-Content-Length"


def _failed(request: AnyRequest, exc: Exception) -> Response[InferenceError]:
    """Any error as the protocol wants it, with the status that it has everywhere."""
    if isinstance(exc, PropensityError):
        found = domain_problem(request, exc)
    elif isinstance(exc, HTTPException):
        found = http_problem(request, exc)
    else:
        found = unexpected_problem(request, exc)
    text = found.content.detail
    for each in found.content.errors or ():
        if each.reason not in text:
            text = f"{text}: {each.field} {each.reason}"
    return Response(
        InferenceError(error=text),
        status_code=found.status_code,
        media_type=JSON,
        headers=found.headers,
    )


_V2: dict[str, Any] = {
    "include_in_schema": False,
    "exception_handlers": {PropensityError: _failed, HTTPException: _failed, Exception: _failed},
}


@get("/v2", **_V2, **asks(Scope.PREDICT))
async def server_metadata() -> ServerMetadata:
    """Who answers."""
    return ServerMetadata(name=PLATFORM, version=version("propensity"), extensions=[])


@get("/v2/health/live", **_V2, **PUBLIC)
async def server_live() -> ServerLive:
    """Always alive, once it answers."""
    return ServerLive(live=True)


@get("/v2/health/ready", **_V2, **PUBLIC)
async def server_ready(readiness: NamedDependency[Readiness]) -> Response[ServerReady]:
    """Ready when the first model is loaded: no table is read for an inference."""
    first = next(iter(readiness.traffic.values()))
    try:
        first()
    except PropensityError:
        return Response(ServerReady(ready=False), status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return Response(ServerReady(ready=True))


@get([MODEL, VERSION], **_V2, **asks(Scope.PREDICT))
async def model_metadata(
    name: ModelName, request: AnyRequest, readiness: NamedDependency[Readiness]
) -> ModelMetadata:
    """What a model takes and gives, and which of its versions are loaded here."""
    traffic = _traffic(readiness, name)
    versions = sorted({model.version for model in _loaded(traffic)})
    return ModelMetadata.of(_model(traffic, request), versions)


@get([MODEL + "/ready", VERSION + "/ready"], **_V2, **asks(Scope.PREDICT))
async def model_ready(
    name: ModelName, request: AnyRequest, readiness: NamedDependency[Readiness]
) -> ModelReady:
    """Ready when the version is loaded; a 404 or 503 says why it is not."""
    _model(_traffic(readiness, name), request)
    return ModelReady(name=name, ready=True)


@post(
    [MODEL + "/infer", VERSION + "/infer"],
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_BODY_BYTES,
    **_V2,
    **asks(Scope.PREDICT),
)
async def infer(
    name: ModelName,
    request: AnyRequest,
    data: JSONBody[InferenceRequest],
    readiness: NamedDependency[Readiness],
) -> InferenceResponse:
    """The probability of each row, by the champion or by the version that is named.

    Raises:
        InvalidRequest: the tensors are not those of the model; says what is.
        NotFound: the model or version is not loaded here.
    """
    model = _model(_traffic(readiness, name), request)
    if BINARY in request.headers:
        raise InvalidRequest(FEATURES, "needs its data in JSON: binary tensors are not taken")
    for asked in () if data.outputs is UNSET else data.outputs:
        if asked.name != PROBABILITY:
            raise InvalidRequest("outputs", f"{asked.name} is none; the output is {PROBABILITY}")
    matrix = _matrix(data.inputs[0], model)
    if len(matrix) > INLINE_ROWS:
        scores = await asyncio.to_thread(model.probabilities, matrix)
    else:
        scores = model.probabilities(matrix)
    output = OutputTensor(
        name=PROBABILITY, shape=[len(scores)], datatype="FP64", data=scores.tolist()
    )
    return InferenceResponse(
        model_name=model.name, model_version=str(model.version), id=data.id, outputs=[output]
    )


def _traffic(readiness: Readiness, name: str) -> Traffic:
    if name not in readiness.traffic:
        known = ", ".join(readiness.traffic)
        raise NotFound(f"no model {name} serves here; these do: {known}")
    return readiness.traffic[name]()


def _loaded(traffic: Traffic) -> list[ServedModel]:
    return [*traffic.answering.values(), *traffic.shadows]


def _model(traffic: Traffic, request: AnyRequest) -> ServedModel:
    """The version that the path names, or else the champion."""
    version = request.path_params.get("version")
    loaded = {str(model.version): model for model in reversed(_loaded(traffic))}
    if version is None:
        return traffic.champion
    if version not in loaded:
        known = ", ".join(sorted(loaded))
        raise NotFound(f"version {version} of {traffic.name} is not loaded; these are: {known}")
    return loaded[version]


def _matrix(tensor: InputTensor, model: ServedModel) -> NDArray[np.float64]:
    """The rows of a tensor. Shape: (rows, features) float64.

    Raises:
        InvalidRequest: it is not the model's, or a number is not finite.
    """
    names = model.features.names
    rows, columns = tensor.shape
    if tensor.name != FEATURES:
        raise InvalidRequest("inputs", f"{tensor.name} is none; the input is {FEATURES}")
    if columns != len(names):
        raise InvalidRequest("shape", f"{columns} columns, needs {len(names)}: {', '.join(names)}")
    if rows > MAX_ROWS:
        raise InvalidRequest("shape", f"{rows} rows, at most {MAX_ROWS} at once")
    matrix = _numbers(tensor.data)
    if len(matrix) != rows * columns:
        raise InvalidRequest("data", f"{len(matrix)} numbers, the shape needs {rows * columns}")
    if not np.isfinite(matrix).all():
        raise InvalidRequest("data", "has a number that is not finite")
    return matrix.reshape(rows, columns)


def _numbers(data: list[Any]) -> NDArray[np.float64]:
    """All of them in one row, however they are nested. Texts and truth values are none."""
    try:
        found = np.array(data) if data else np.empty(0)
    except ValueError as exc:  # rows of different lengths
        raise InvalidRequest("data", "is not a list of numbers, flat or in rows") from exc
    if found.dtype.kind not in "iuf":
        raise InvalidRequest("data", "is not a list of numbers, flat or in rows")
    return found.astype(np.float64).reshape(-1)


INFERENCE_ROUTES = [server_metadata, server_live, server_ready, model_metadata, model_ready, infer]
