"""Promote, roll back, split and shadow, each with its reason and only on what was looked at."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from api.console.documents.findings import OVERRULED
from api.console.documents.models import state_words
from api.console.kept import Kept
from api.console.model_view import Looking, Refused, model_view
from api.console.rendering import AnyRequest, done
from api.console.signing_in import CSRF_FIELD, ROOT, seen_with
from api.console.wording import segment
from api.documents.models import MOST
from api.http.access import who_of
from api.http.parameters import decoded
from api.http.problems import domain_problem
from api.http.services import Managing
from domain.audit import Act, Target
from domain.errors import InvalidRequest, PropensityError, Unavailable
from domain.keys import Scope
from domain.values import basis_points_of
from model_registry.errors import GateFailed, RevisionConflict
from model_registry.revisions import Revision

MAX_BODY_BYTES = 20_000
_CHANGE: dict[str, Any] = {
    "request_max_body_size": MAX_BODY_BYTES,
    **seen_with(Scope.MODELS_MANAGE),
}
_log = logging.getLogger(__name__)

Keeps = NamedDependency[SkipValidation[Kept]]
Manage = NamedDependency[SkipValidation[Managing]]


@post("/models/{name:str}/promote", **_CHANGE)
async def promote(
    request: AnyRequest, name: FromPath[str], managing: Manage, console_kept: Keeps
) -> Response[Any]:
    """A version becomes the champion, if it passes every gate."""
    form = await _Form.of(request, name, managing, console_kept)

    def change() -> Revision:
        return managing.registry.promote(
            form.name, form.number("version"), force="force" in form.typed, **form.common()
        )

    return await asyncio.to_thread(form.acted, Act.PROMOTE, change)


@post("/models/{name:str}/rollback", **_CHANGE)
async def rollback(
    request: AnyRequest, name: FromPath[str], managing: Manage, console_kept: Keeps
) -> Response[Any]:
    """The state of an earlier revision is wanted again."""
    form = await _Form.of(request, name, managing, console_kept)

    def change() -> Revision:
        return managing.registry.rollback(form.name, to_revision=form.number("to"), **form.common())

    return await asyncio.to_thread(form.acted, Act.ROLLBACK, change)


@post("/models/{name:str}/split", **_CHANGE)
async def split(
    request: AnyRequest, name: FromPath[str], managing: Manage, console_kept: Keeps
) -> Response[Any]:
    """A version answers a share of the customers; 0 ends it."""
    form = await _Form.of(request, name, managing, console_kept)

    def change() -> Revision:
        return managing.registry.split(
            form.name,
            form.number("version"),
            basis_points=form.share(),
            force="force" in form.typed,
            **form.common(),
        )

    return await asyncio.to_thread(form.acted, Act.SPLIT, change)


@post("/models/{name:str}/shadow", **_CHANGE)
async def shadow(
    request: AnyRequest, name: FromPath[str], managing: Manage, console_kept: Keeps
) -> Response[Any]:
    """Exactly the versions that are ticked shadow those that answer."""
    form = await _Form.of(request, name, managing, console_kept)

    def change() -> Revision:
        versions = [_whole(each, "shadow") for each in form.typed.get("shadow", "").split()]
        return managing.registry.shadow(form.name, versions, **form.common())

    return await asyncio.to_thread(form.acted, Act.SHADOW, change)


MODEL_ACTS = (promote, rollback, split, shadow)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What somebody wants of a model, as typed."""

    request: AnyRequest
    name: str
    managing: Managing
    kept: Kept
    typed: Mapping[str, str]

    @classmethod
    async def of(cls, request: AnyRequest, name: str, managing: Managing, kept: Kept) -> "_Form":
        """What the request's form holds; of a field that comes more than once, every value."""
        form = await request.form()
        names = dict.fromkeys(each for each, _ in form.multi_items())
        typed = {
            each: " ".join(str(value) for value in form.getall(each))
            for each in names
            if each != CSRF_FIELD
        }
        return cls(
            request=request, name=decoded(name, "name"), managing=managing, kept=kept, typed=typed
        )

    def common(self) -> dict[str, Any]:
        """Who wants it, why, and which revision was looked at."""
        return {
            "actor": self.request.auth.actor,
            "reason": self.typed.get("reason", ""),
            "expected_revision": self.number("revision", least=0),
        }

    def number(self, field: str, *, least: int = 1) -> int:
        """A number that the form must hold.

        Raises:
            InvalidRequest: it does not.
        """
        return _whole(self.typed.get(field, ""), field, least=least)

    def share(self) -> int:
        """Per cent of the customers, with the sign or without, in basis points.

        Raises:
            InvalidRequest: it is none.
        """
        text = self.typed.get("share", "").strip()
        try:
            return basis_points_of(text if "%" in text else f"{text}%")
        except ValueError as exc:
            raise InvalidRequest("share", str(exc)) from exc

    def acted(self, act: Act, change: Callable[[], Revision]) -> Response[Any]:
        """Leads to the model's page once it is done; else the page again, with what was typed."""
        of_all = act in {Act.ROLLBACK, Act.SHADOW}
        target = self.name if of_all else f"{self.name}@{self.typed.get('version', ''):.9}"
        try:
            with self.managing.audit.act(who_of(self.request), act, Target.MODEL, target):
                revision = change()
        except Unavailable:
            raise
        except PropensityError as exc:
            return self._refused(act, exc)
        return done(
            self.request,
            f"{ROOT}/models/{segment(self.name)}",
            f"Revision {revision.number}: {state_words(revision.state)}. Each process follows "
            "within seconds; Live shows which do.",
        )

    def _refused(self, act: Act, exc: PropensityError) -> Response[Any]:
        if isinstance(exc, GateFailed):
            extra = {"model": self.name, "gate": exc.gate, "reason": exc.reason}
            _log.warning("gate_refused", extra=extra)
        found = domain_problem(self.request, exc).content
        detail = found.detail or found.title
        if isinstance(exc, GateFailed) and exc.gate in OVERRULED:
            saw, _, _ = exc.reason.partition(";")
            detail = f"the gate of {exc.gate} is not passed by {saw}; tick the box to overrule it"
        if isinstance(exc, RevisionConflict):
            detail = f"somebody was quicker: {detail}; the history below says who and why"
        refused = Refused(act=str(act), status=found.status, detail=detail, typed=self.typed)
        looking = Looking(
            request=self.request,
            registry=self.managing.registry,
            kept=self.kept,
            name=self.name,
            version=self._stored("version"),
            beside=self._stored("beside"),
        )
        return model_view(looking, refused=refused)

    def _stored(self, field: str) -> int | None:
        """The version that was looked at; None: the form names none that there is."""
        number = _known(self.typed.get(field, ""))
        stored = self.managing.registry.stored_versions(self.name)
        return number if number in stored else None


def _whole(text: str, field: str, *, least: int = 1) -> int:
    number = _known(text)
    if number is None or number < least:
        raise InvalidRequest(field, f"must be a whole number from {least} on")
    return number


def _known(text: str) -> int | None:
    """A number as versions and revisions have; None: it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST))):
        return None
    return int(text)
