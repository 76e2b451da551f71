"""Operations: whether all is in order, what waits, who did what, and who holds keys."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation

from api.console.documents.operations import (
    AuditPage,
    Findings,
    KeyLine,
    KeysPage,
    Operations,
    Queues,
)
from api.console.kept import Kept
from api.console.rendering import AnyRequest, done, page, piece
from api.console.services import Examine
from api.console.signing_in import ROOT, seen_with
from api.http.access import who_of
from domain.audit import Act, AuditTrail, Entry, Target
from domain.keys import ManageKeys, Scope
from domain.values import MICROS_PER_SECOND, Clock

PATH = f"{ROOT}/operations"
FRESH_S = 60.0
"""For so long a look of the doctor holds."""
AGAIN_S = 5.0
"""So old it must be before somebody may ask for another one."""
LINES = 50
NEWEST = 8
"""Lines of the audit record on the page itself."""
MAX_BODY_BYTES = 4_000
_LOOK: dict[str, Any] = {"sync_to_thread": True, **seen_with(Scope.OPERATE)}
DOCTOR = "doctor"
"""Under this name is kept what the doctor found."""


@get("/operations", **_LOOK)
def operations(request: AnyRequest) -> Response[bytes]:
    """The page; what takes its time comes piece by piece."""
    names = ("findings", "queue", "audit", "keys")
    document = Operations(pieces={name: f"{PATH}/{name}" for name in names})
    return page(request, "operations.html", document)


@get("/operations/findings", **_LOOK)
def findings(
    request: AnyRequest,
    console_examine: NamedDependency[SkipValidation[Examine]],
    console_kept: NamedDependency[SkipValidation[Kept]],
    console_clock: NamedDependency[SkipValidation[Clock]],
    *,
    again: FromQuery[bool] = False,
) -> Response[bytes]:
    """What the doctor found lately; where that is old, it looks again in the background."""
    fresh_s = AGAIN_S if again else FRESH_S
    aged = console_kept.soon(DOCTOR, lambda: list(console_examine()), for_s=fresh_s)
    found = Findings.of(aged, now=console_clock(), fresh_s=fresh_s)
    return piece(request, "operations_findings.html", found, title="Is everything in order?")


@get("/operations/queue", **_LOOK)
def queue(
    request: AnyRequest, console_queues: NamedDependency[SkipValidation[Queues]]
) -> Response[bytes]:
    """What the queue holds, and what no worker could take."""
    return piece(request, "operations_queue.html", console_queues.seen(), title="What waits?")


@post("/operations/queue/replay", request_max_body_size=MAX_BODY_BYTES, **seen_with(Scope.OPERATE))
async def replay(
    request: AnyRequest,
    console_queues: NamedDependency[SkipValidation[Queues]],
    audit: NamedDependency[SkipValidation[AuditTrail]],
) -> Response[Any]:
    """Dead letters go back to the queue, where workers try them again."""
    async with audit.act_async(who_of(request), Act.REPLAY, Target.QUEUE, console_queues.queue):
        replayed = await asyncio.to_thread(console_queues.replay)
    said = f"{replayed.replayed:,} dead letters are back in the queue."
    if replayed.left:
        said += f" {replayed.left:,} stayed: the same was sent back already, or refused again."
    if not replayed.all:
        said += " There are more: replay again."
    return done(request, PATH, said)


@get("/operations/audit", **_LOOK)
def audit_record(  # one for each filter
    request: AnyRequest,
    audit: NamedDependency[SkipValidation[AuditTrail]],
    act: FromQuery[str] = "",
    actor: FromQuery[str] = "",
    before: FromQuery[int | None] = None,
    most: FromQuery[int] = LINES,
) -> Response[bytes]:
    """Who did what that changes something for others, the newest first."""

    def wanted(entry: Entry) -> bool:
        return act in {"", entry.act} and actor in {"", entry.actor}

    now = audit.clock() + MICROS_PER_SECOND
    until = now if before is None else min(before, now)
    newest = audit.newest(before=until, most=max(1, min(most, LINES)), wanted=wanted)
    found = AuditPage.of(newest, act=act, actor=actor, acts=[str(each) for each in Act])
    older = urlencode({"act": act, "actor": actor, "before": found.since})
    if "hx-request" in request.headers:
        return piece(
            request, "operations_audit.html", found, title="", older=f"{PATH}/audit?{older}"
        )
    return page(request, "audit.html", found, older=f"{PATH}/audit?{older}")


@get("/operations/keys", **seen_with(Scope.KEYS_MANAGE))
async def keys(
    request: AnyRequest,
    keys: NamedDependency[ManageKeys],
    console_clock: NamedDependency[SkipValidation[Clock]],
) -> Response[bytes]:
    """Who holds keys, for what, and when each was used last."""
    now = console_clock()
    lines = [KeyLine.of(key, now=now) for key in reversed(await keys.every())]
    return piece(request, "operations_keys.html", KeysPage(keys=lines), title="Who holds keys?")


OPERATIONS_ROUTES = (operations, findings, queue, replay, audit_record, keys)
