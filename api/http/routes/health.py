"""Is the process alive, and can it answer?"""

import asyncio
from http import HTTPStatus

from litestar import get
from litestar.di import NamedDependency

from api.documents.health import Alive, Ready
from api.http.access import PUBLIC
from api.http.openapi import problems
from api.http.problems import ProblemRaised, problem
from api.http.services import Readiness
from domain.errors import PropensityError

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
async def readyz(readiness: NamedDependency[Readiness]) -> Ready:
    """Ready when the tables answer and a model is live."""
    tables, model = await _trouble_of_tables(readiness), _trouble_of_model(readiness)
    not_loaded = "".join(f"; not loaded: {problem}" for problem in readiness.problems())
    checks = {"tables": tables or OK, "model": model or OK + not_loaded}
    failing = [name for name, trouble in (("tables", tables), ("model", model)) if trouble]
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


def _trouble_of_model(readiness: Readiness) -> str | None:
    try:
        readiness.traffic()
    except PropensityError as exc:
        return str(exc)
    return None
