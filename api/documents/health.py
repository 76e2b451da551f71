"""Whether the process lives, and whether it is ready."""

from typing import Literal

from msgspec import Struct


class Alive(Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"]


class Ready(Struct, frozen=True, kw_only=True):
    """Everything needed to answer is there; each check says 'ok'."""

    status: Literal["ready"]
    checks: dict[str, str]
