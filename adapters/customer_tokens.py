"""Customer tokens as JWT: checked with a key whose algorithm is known before any token comes."""

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.types import Options

from domain.errors import InvalidRequest, InvalidToken, Rejected, TokenExpired
from domain.purchases import customer_id_of
from domain.values import MICROS_PER_SECOND, Clock

LONGEST_S = 24 * 3600
SKEW_S = 60
MOST_BYTES = 4_096
LEAST_SECRET_BYTES = 32
"""For HS256. Source: RFC 7518, section 3.2."""
SHARED = "HS256"
"""The algorithm of secrets that both sides have."""
_REMEMBERED = 10_000
_SEGMENTS = 3
_OPTIONS: Options = {
    "require": ["sub", "aud", "exp"],
    "strict_aud": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""Instants are checked here, by our own clock."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What checks a signature: the key, its algorithm, and its id where it has one."""

    algorithm: str
    key: Any
    kid: str | None = None


class JwtCustomerTokens:
    """CustomerTokens by JWT (RFC 7519). What was checked once is remembered until it expires."""

    def __init__(self, keys: Sequence[TokenKey], *, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._audience = audience
        self._clock = clock
        self._checked: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def customer_of(self, token: str, /) -> str:
        """The customer's id; see the port."""
        now_s = self._clock() / MICROS_PER_SECOND
        known = self._checked.get(token)
        if known is None:
            known = self._check(token, now_s)
            self._checked[token] = known
            if len(self._checked) > _REMEMBERED:
                self._checked.popitem(last=False)
        customer_id, ends = known
        if ends + SKEW_S <= now_s:
            raise TokenExpired("this customer's token has expired; sign a new one")
        return customer_id

    def _check(self, token: str, now_s: float) -> tuple[str, float]:
        """The customer and the end of a token, in seconds since the epoch."""
        if len(token) > MOST_BYTES or not _is_canonical(token):
            raise InvalidToken("this is no customer's token: a JWT has three parts in base64url")
        try:
            claims = self._claims(token, self._keys_of(jwt.get_unverified_header(token)))
            customer_id = customer_id_of(claims["sub"])
            ends = _check_instants(claims, now_s)
        except (jwt.InvalidTokenError, OverflowError) as exc:  # an instant beyond every float
            raise InvalidToken(
                f"this customer's token is not valid ({type(exc).__name__})"
            ) from exc
        except InvalidRequest as exc:
            raise InvalidToken(f"the token's sub is no customer id: {exc.reason}") from exc
        return customer_id, ends

    def _claims(self, token: str, keys: Sequence[TokenKey]) -> Mapping[str, Any]:
        """What the token says, signed with one of these."""
        *others, last = keys
        for key in others:
            with suppress(jwt.InvalidSignatureError):
                return self._decoded(token, key)
        return self._decoded(token, last)

    def _decoded(self, token: str, key: TokenKey) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token, key.key, algorithms=[key.algorithm], audience=self._audience, options=_OPTIONS
        )
        return claims

    def _keys_of(self, header: Mapping[str, Any]) -> Sequence[TokenKey]:
        """The key that the header names; of shared secrets, which have no names, all."""
        if not self._keys:
            raise InvalidToken(
                "no key for customers' tokens is set here: PROPENSITY_CUSTOMER_TOKEN_KEYS, or "
                "PROPENSITY_CUSTOMER_TOKEN_SECRET"
            )
        kid = header.get("kid")
        fits = [key for key in self._keys if kid is None or key.kid in {None, kid}]
        shared = all(key.algorithm == SHARED for key in fits)
        if not fits or (len(fits) > 1 and not shared):
            raise InvalidToken(
                "the token's kid names no key of ours"
                if kid is not None
                else "the token names no kid, and there are several keys"
            )
        if header.get("alg") != fits[0].algorithm:
            raise InvalidToken(f"the token must be signed with {fits[0].algorithm}")
        return fits


def shared_secrets(secret: str, other: str | None = None) -> Sequence[TokenKey]:
    """The keys of HS256: one, and another one while they are rotated.

    Raises:
        Rejected: one is shorter than the algorithm needs.
    """
    secrets = [secret] if other is None else [secret, other]
    for each, name in zip(secrets, ("SECRET", "OTHER_SECRET"), strict=False):
        if len(each.encode()) < LEAST_SECRET_BYTES:
            raise Rejected(
                f"PROPENSITY_CUSTOMER_TOKEN_{name}",
                f"needs {LEAST_SECRET_BYTES} bytes, such as of `openssl rand -hex 32`",
            )
    return [TokenKey(SHARED, each) for each in secrets]


def public_keys(path: Path) -> Sequence[TokenKey]:
    """The keys of a file: one public key in PEM, or a JWKS (RFC 7517); ES256 or EdDSA.

    Raises:
        Rejected: there is no such file, or it holds something else; a private key too.
    """
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"{"):
            return [_of_jwk(jwk) for jwk in _jwks(content)]
        return [TokenKey(*_public(load_pem_public_key(content)))]
    except OSError as exc:
        raise Rejected(str(path), f"cannot be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm, jwt.PyJWTError) as exc:
        raise Rejected(
            str(path),
            "must hold one public key in PEM, or a JWKS of public keys, of P-256 (ES256) or "
            f"Ed25519 (EdDSA): {exc}",
        ) from exc


def sign(  # noqa: PLR0913  # what a token is made of
    customer_id: str,
    *,
    secret: str | None,
    key: Path | None,
    audience: str,
    ttl_s: int,
    clock: Clock,
) -> str:
    """A token for trying it, signed with the secret or the private key of a PEM file.

    Raises:
        Rejected: there is nothing to sign with, or it is no private key of P-256 or Ed25519.
    """
    ends = clock() // MICROS_PER_SECOND + ttl_s
    claims = {"sub": customer_id, "aud": audience, "exp": ends}
    if key is None:
        if secret is None:
            raise Rejected(
                "--key", "names the private key that signs, or set PROPENSITY_CUSTOMER_TOKEN_SECRET"
            )
        return jwt.encode(claims, shared_secrets(secret)[0].key, SHARED)
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except OSError as exc:
        raise Rejected(str(key), f"cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise Rejected(str(key), f"must hold one private key in PEM: {exc}") from exc
    if not isinstance(private, EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise Rejected(str(key), "must be a key of P-256 or Ed25519")
    algorithm, _ = _public(private.public_key())
    return jwt.encode(claims, private, algorithm)


def _jwks(content: bytes) -> Sequence[Mapping[str, Any]]:
    keys = json.loads(content)["keys"]
    if not isinstance(keys, list) or not keys:
        raise ValueError("it has no keys")
    return keys


def _of_jwk(jwk: Mapping[str, Any]) -> TokenKey:
    kind = jwk.get("kty")
    if kind not in {"EC", "OKP"}:
        raise ValueError(f"kty {kind!r} is no public key of these")
    read = ECAlgorithm.from_jwk if kind == "EC" else OKPAlgorithm.from_jwk
    kid = jwk.get("kid")
    return TokenKey(*_public(read(dict(jwk))), None if kid is None else str(kid))


def _public(key: object) -> tuple[str, Any]:
    """The algorithm and the key."""
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return "ES256", key
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA", key
    raise ValueError("another kind of key, or a private one")


def _is_canonical(token: str) -> bool:
    """Whether it has one spelling only: decoders of base64 skip what they do not know."""
    segments = token.split(".")
    return len(segments) == _SEGMENTS and all(map(_is_canonical_segment, segments))


def _is_canonical_segment(text: str) -> bool:
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return False
    return urlsafe_b64encode(decoded).rstrip(b"=").decode() == text


def _check_instants(claims: Mapping[str, Any], now_s: float) -> float:
    """The token's end in seconds since the epoch, once it is not too far ahead and has begun."""
    instants = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for name, instant in instants.items():
        number = isinstance(instant, int | float) and not isinstance(instant, bool)
        if not (number and math.isfinite(instant)):
            raise InvalidToken(f"the token's {name} is no number of seconds")
    if instants["exp"] > now_s + LONGEST_S + SKEW_S:
        raise InvalidToken("the token's exp is more than 24 hours ahead")
    begins = max(instants.get("nbf", 0), instants.get("iat", 0))
    if begins > now_s + SKEW_S:
        raise InvalidToken("the token is not valid yet")
    return float(instants["exp"])
