"""Who may manage models over HTTP: tokens, each of one person or service and one scope."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LEAST_SECRET = 32
"""Characters: 128 bits in hexadecimal."""


class Scope(StrEnum):
    """What a token allows; `manage` allows reading too."""

    READ = "read"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: whose it is, what it allows, and the SHA-256 of its secret."""

    actor: str
    scope: Scope
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a deployment; without any, nobody manages models over HTTP."""

    tokens: Sequence[Token] = ()

    @classmethod
    def parse(cls, text: str) -> "Tokens":
        """The tokens in ACTOR:SCOPE:SECRET, several by commas.

        Raises:
            ValueError: one is none; secrets are not repeated in the message.
        """
        return cls(tuple(_token(part) for part in text.split(",")) if text else ())

    def held(self, secret: str) -> Token | None:
        """The token with this secret, if there is one; compared in constant time."""
        given = hashlib.sha256(secret.encode()).digest()
        known = [token for token in self.tokens if hmac.compare_digest(token.sha256, given)]
        return known[0] if known else None


def _token(part: str) -> Token:
    actor, _, rest = part.strip().partition(":")
    scope, _, secret = rest.partition(":")
    if not actor or scope not in set(Scope) or len(secret) < LEAST_SECRET:
        raise ValueError(
            "must be ACTOR:SCOPE:SECRET, several by commas; the scope is read or manage, the "
            f"secret has {LEAST_SECRET} characters or more, such as of `openssl rand -hex 32`"
        )
    return Token(actor, Scope(scope), hashlib.sha256(secret.encode()).digest())
