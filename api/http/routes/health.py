"""Is the process alive, and can it answer?"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from litestar import get
from litestar.di import NamedDependency

from api.documents.health import Alive, Ready
from api.http.access import ACCESS, PUBLIC, Access
from api.http.connections import STOPPING
from api.http.openapi import problems
from api.http.problems import AnyRequest, ProblemRaised, problem
from api.http.services import Readiness
from domain.errors import PropensityError
from domain.prediction import Traffic

OK = "ok"


@get(
    "/livez",
    operation_id="isAlive",
    summary="Whether the process answers",
    description="Does no I/O: a failing store is no reason to restart the process.",
    tags=["health"],
    response_description="Alive.",
    responses=problems(public=True),
    **PUBLIC,
)
async def livez() -> Alive:
    """Always alive, once it answers."""
    return Alive(status="alive")


@get(
    "/readyz",
    operation_id="isReady",
    summary="Whether predictions can be made now",
    description="Reads every table and asks for the live model; 503 names what is missing.",
    tags=["health"],
    response_description="Ready.",
    responses=problems(HTTPStatus.SERVICE_UNAVAILABLE, public=True),
    **PUBLIC,
)
async def readyz(readiness: NamedDependency[Readiness], request: AnyRequest) -> Ready:
    """Ready when the tables answer, the first model is live, and so are others with versions."""
    checks = {"tables": await _trouble_of_tables(readiness) or OK}
    if trouble := _trouble_of_keys(request.app.state[ACCESS]):
        checks["keys"] = trouble
    if STOPPING.announced:
        checks["server"] = "it stops in a moment; ask another one"
    for place, (name, traffic) in enumerate(readiness.traffic.items()):
        not_loaded = "".join(f"; not loaded: {each}" for each in readiness.problems(name))
        trouble = _trouble_of_model(traffic)
        if trouble and place and not not_loaded:  # a model beside the first may have no version yet
            trouble = f"{OK}; it has no version yet"
        checks["model" if place == 0 else f"model {name}"] = trouble or OK + not_loaded
    failing = [name for name, found in checks.items() if not found.startswith(OK)]
    if failing:
        detail = f"not ready: {', '.join(failing)}"
        raise ProblemRaised(
            problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", detail, checks=checks)
        )
    return Ready(status="ready", checks=checks)


async def _trouble_of_tables(readiness: Readiness) -> str | None:
    try:
        async with asyncio.timeout(readiness.timeout_s):
            await readiness.health.check()
    except TimeoutError:
        return f"no answer within {readiness.timeout_s:g} s"
    except PropensityError as exc:
        return str(exc)
    return None


def _trouble_of_keys(access: Access) -> str | None:
    """Why nobody is let in: the keys are too old."""
    try:
        _ = access.keyring.holds_none
    except PropensityError as exc:
        return str(exc)
    return None


def _trouble_of_model(traffic: Callable[[], Traffic]) -> str | None:
    try:
        traffic()
    except PropensityError as exc:
        return str(exc)
    return None
