"""What checks of a deployment found."""

from typing import Annotated

from msgspec import Meta, Struct


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found."""

    check: str
    ok: bool
    finding: str
    fix: Annotated[str, Meta(description="What to do; empty when all is well.")] = ""
