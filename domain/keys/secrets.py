"""How a key is written: its kind as prefix, its id, its secret."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from domain.keys.key import Key, KeyKind

PREFIX = {KeyKind.SECRET: "pp_sk", KeyKind.PUBLISHABLE: "pp_pk"}
"""Of our own, so that scanners for leaked keys can know them."""
_WRITTEN = re.compile(r"pp_[sp]k_([0-9a-f]{12})_[0-9a-f]{48}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key with its secret, which is shown this once."""

    key: Key
    secret: str = field(repr=False)


def new_key_id() -> str:
    """A random id that no key has: 48 bits."""
    return secrets.token_hex(6)


def new_secret(kind: KeyKind, key_id: str) -> str:
    """A whole key with a random secret of 192 bits."""
    return f"{PREFIX[kind]}_{key_id}_{secrets.token_hex(24)}"


def key_id_of(secret: str) -> str | None:
    """The id within a whole key; None where it has not the form of one."""
    found = _WRITTEN.fullmatch(secret)
    return found[1] if found else None


def sha256_of(secret: str) -> bytes:
    """The hash under which a whole key is stored."""
    return hashlib.sha256(secret.encode()).digest()
