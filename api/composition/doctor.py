"""Whether a deployment is in order: every finding names its fix."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version

from msgspec.structs import replace

from api.composition.application import application
from api.composition.decision_log import check_decision_log, open_decision_log
from api.composition.queues import queues
from api.documents.doctor import Finding
from api.process import PREFIX, Settings
from domain.errors import (
    NoLiveModel,
    NotFound,
    PropensityError,
    Rejected,
    StoreUnavailable,
    TablesDiffer,
)
from domain.retention import SLACK_DAYS
from domain.values import instant
from domain.values.instant import MICROS_PER_HOUR
from model_registry.errors import GateFailed
from model_registry.registry import Registry
from model_registry.serving import LiveModel, Presence


def examine(loaded: Settings) -> Iterator[Finding]:
    """One finding after another, over connections of its own; nothing is changed."""
    yield Finding(check="settings", ok=True, finding=f"DynamoDB: {loaded.dynamodb_endpoint}")
    loaded = replace(loaded, metrics_port=None)  # what is looked at is no traffic
    with application(loaded) as built:
        yield _finding(
            "tables", lambda: _tables(built.tables.verify), lambda exc: _table_fix(loaded, exc)
        )
        yield _finding(
            "recent purchases",
            lambda: _recent(
                loaded,
                now=built.clock(),
                shorter=asyncio.run(built.marks.read(built.client.read_deadline())).shorter,
            ),
            lambda exc: _recent_fix(loaded, exc),
        )
        yield _finding(
            "purchases",
            lambda: _purchases(
                loaded,
                asyncio.run(built.marks.read(built.client.read_deadline())).purchases_shorter,
            ),
            lambda exc: _table_fix(loaded, exc),
        )
        first, *others = built.live.by_name.values()
        yield _finding(
            "registry", lambda: _registry(built.registry, built.presence, first.name), _registry_fix
        )
        yield _finding("model", lambda: _model(first), _registry_fix)
        for live in others:
            yield _finding(
                f"model {live.name}",
                partial(_other_model, built.registry, built.presence, live),
                _registry_fix,
            )
        yield _finding("queue", lambda: _queue(loaded), lambda _: "propensity worker create")
        yield _finding("decision log", lambda: _decision_log(loaded), _decision_log_fix)
        yield Finding(check="libraries", ok=True, finding=_libraries())


def _finding(
    check: str, examine: Callable[[], str], fix: Callable[[PropensityError], str]
) -> Finding:
    try:
        return Finding(check=check, ok=True, finding=examine())
    except PropensityError as exc:
        return Finding(check=check, ok=False, finding=str(exc), fix=fix(exc))


def _table_fix(loaded: Settings, exc: PropensityError) -> str:
    if isinstance(exc, TablesDiffer):
        if all("propensity tables create" in line for line in exc.differences):
            return "propensity tables create"
        if all("propensity rebuild" in line for line in exc.differences):
            return "stop every process of an older version, then: propensity rebuild"
        if all("TTL" in line for line in exc.differences):
            return f"set {PREFIX}PURCHASE_RETENTION_DAYS, or turn the TTL off that is named"
        return (
            "keys and indexes cannot be changed: choose another PROPENSITY_TABLE_PREFIX, then "
            "propensity tables create, and import again"
        )
    if loaded.engine_port is None:
        return "check PROPENSITY_REGION, the credentials and their policy"
    return "propensity db start"


def _recent_fix(loaded: Settings, exc: PropensityError) -> str:
    if isinstance(exc, Rejected):
        return f"set it to {loaded.recent_days} everywhere, then propensity rebuild"
    return _table_fix(loaded, exc)


def _registry_fix(exc: PropensityError) -> str:
    if isinstance(exc, NotFound):
        return "propensity train"
    if isinstance(exc, NoLiveModel):
        return "propensity models list, then propensity models promote one"
    return "restore what is named from a backup, or propensity train and promote another version"


def _tables(verify: Callable[[], None]) -> str:
    verify()
    return "keys, indexes and TTL are as they must be"


def _recent(loaded: Settings, *, now: int, shorter: Mapping[int, int]) -> str:
    kept = loaded.retention
    if kept.complete_for_all(now, shorter) > kept.complete_since(now):
        others = ", ".join(
            f"{days - SLACK_DAYS} until {instant.render(last)}"
            for days, last in sorted(shorter.items())
        )
        raise Rejected(
            f"{PREFIX}RECENT_DAYS",
            f"a process wrote with fewer days ({others}); longer windows are read by time",
        )
    return f"{loaded.recent_days} days are complete for every customer"


def _purchases(loaded: Settings, shorter: Mapping[int, int]) -> str:
    """How long they are kept; after a raise, from when on they are."""
    days = loaded.purchase_retention_days
    kept = "kept for ever" if days is None else f"kept for {days} days"
    return kept + "".join(
        f"; a process kept {before} days until {instant.render(last)}: a longer window is whole once "
        "it begins later"
        for before, last in sorted(shorter.items())
    )


def _registry(registry: Registry, presence: Presence, name: str) -> str:
    versions = registry.versions(name)
    revisions = len(registry.history(name))
    newest = max(registry.log(name).numbers(), default=0)
    for process in presence.live(name):
        if process.revision > newest:
            raise GateFailed(
                "registry",
                f"process {process.process} serves revision {process.revision}, but the newest in "
                f"the registry is {newest}: it went back",
            )
    return f"{name}: versions {len(versions)}, revisions {revisions}"


def _other_model(registry: Registry, presence: Presence, live: LiveModel) -> str:
    """A model beside the first may have no version yet."""
    if registry.current(live.name) is None:
        return "no version of it is promoted; who asks it is refused"
    return f"{_registry(registry, presence, live.name)}; {_model(live)}"


def _model(live: LiveModel) -> str:
    live.start()
    if live.problems:
        raise GateFailed("load", "; ".join(live.problems))
    traffic = live.snapshot()
    return f"version {traffic.label} of revision {traffic.revision} loads and scores"


def _queue(loaded: Settings) -> str:
    with queues(loaded) as client:
        try:
            client.check_redrive(loaded.queue, loaded.dead_letter_name)
        except NotFound:
            return f"no queue {loaded.queue}; only a worker needs one"
        except StoreUnavailable as exc:
            return f"not checked: {exc}"
    return f"{loaded.queue} gives up on a message at last, to {loaded.dead_letter_name}"


def _decision_log(loaded: Settings) -> str:
    """What was logged lately; it is read, and nothing is written."""
    if not loaded.decision_log:
        return "no decisions are logged"
    check_decision_log(loaded)
    log = open_decision_log(loaded)
    now = log.clock()
    decisions = sum(hour.decisions for hour in log.hours(now - MICROS_PER_HOUR, now))
    return f"{decisions:,} decisions of this hour and the one before"


def _decision_log_fix(exc: PropensityError) -> str:
    if isinstance(exc, Rejected):
        return "set what is named as the servers have it"
    return f"check {PREFIX}DECISION_LOG, its disk or bucket, and the rights to it"


def _libraries() -> str:
    """The versions that scores depend on; a model's own are in `propensity models show`."""
    return ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy", "pynamodb"))
