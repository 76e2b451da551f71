"""What every CustomerTokens promises, for every kind of key."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from adapters.customer_tokens import JwtCustomerTokens, TokenKey, public_keys, shared_secrets, sign
from domain.customers import CustomerTokens
from domain.errors import InvalidToken, Rejected, TokenExpired, Unauthenticated
from domain.values import MICROS_PER_SECOND
from tests.builders import NOW
from tests.doubles.memory import ManualClock
from tests.profiles import examples

NOW_S = NOW // MICROS_PER_SECOND
SECRET = "a secret of the tests with 32 bytes"  # noqa: S105  # of no deployment
EC, OTHER_EC = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
ED = Ed25519PrivateKey.generate()
CLAIMS = {"sub": "c-1", "aud": "propensity", "exp": NOW_S + 600}


@dataclass(frozen=True)
class Signed:
    """Tokens of one kind of key, and what checks them."""

    algorithm: str
    private: Any
    tokens: CustomerTokens
    clock: ManualClock

    def sign(self, **changes: object) -> str:
        claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
        return jwt.encode(claims, self.private, self.algorithm)


def tokens_of(algorithm: str) -> Signed:
    private, keys = {
        "HS256": (SECRET, shared_secrets(SECRET)),
        "ES256": (EC, [TokenKey("ES256", EC.public_key())]),
        "EdDSA": (ED, [TokenKey("EdDSA", ED.public_key())]),
    }[algorithm]
    clock = ManualClock(NOW)
    tokens = JwtCustomerTokens(keys, audience="propensity", clock=clock)
    return Signed(algorithm, private, tokens, clock)


ALGORITHMS = ["HS256", "ES256", "EdDSA"]


@pytest.fixture(params=ALGORITHMS)
def signed(request: pytest.FixtureRequest) -> Signed:
    return tokens_of(request.param)


def pem(private: Any) -> bytes:
    public: bytes = private.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    return public


def test_the_customer_is_the_one_who_was_signed(signed: Signed) -> None:
    for _ in range(2):
        assert signed.tokens.customer_of(signed.sign()) == "c-1"
    assert signed.tokens.customer_of(signed.sign(sub="cafe\u0301/1")) == "caf\xe9/1"


def test_a_token_counts_until_a_minute_after_its_end(signed: Signed) -> None:
    token = signed.sign()
    signed.clock.now = NOW + (600 + 59) * MICROS_PER_SECOND
    assert signed.tokens.customer_of(token) == "c-1"
    signed.clock.now = NOW + (600 + 60) * MICROS_PER_SECOND
    for _ in range(2):
        with pytest.raises(TokenExpired):
            signed.tokens.customer_of(token)
    with pytest.raises(TokenExpired):
        signed.tokens.customer_of(signed.sign(exp=NOW_S))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": NOW_S + 24 * 3600 + 61},
        {"exp": str(NOW_S + 60)},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"nbf": NOW_S + 61},
        {"iat": NOW_S + 61},
        {"aud": None},
        {"aud": "somebody else"},
        {"aud": ["propensity", "somebody else"]},
        {"sub": None},
        {"sub": ""},
        {"sub": ".."},
        {"sub": 7},
        {"sub": "c\n1"},
    ],
)
def test_a_token_that_breaks_a_rule_is_none(signed: Signed, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidToken):
        signed.tokens.customer_of(signed.sign(**changes))


def test_a_token_may_begin_a_minute_ahead_and_end_a_day_ahead(signed: Signed) -> None:
    token = signed.sign(nbf=NOW_S + 59, iat=NOW_S + 59, exp=NOW_S + 24 * 3600)
    assert signed.tokens.customer_of(token) == "c-1"


def test_the_token_never_says_how_it_is_checked(signed: Signed) -> None:
    public = {"ES256": pem(EC), "EdDSA": pem(ED), "HS256": SECRET.encode()}[signed.algorithm]
    forged = [
        jwt.encode(CLAIMS, "", "none"),
        jwt.encode(CLAIMS, OTHER_EC, "ES256"),
        jwt.encode(CLAIMS, "x" * 64, "HS256"),
        jwt.encode(CLAIMS, "x" * 64, "HS512"),
        _with_header(signed.sign(), {"alg": "none", "typ": "JWT"}),
        _with_header(signed.sign(), {"alg": "None"}).rpartition(".")[0] + ".",
        _with_header(signed.sign(), {"alg": "HS256", "kid": "../../dev/null"}),
        _with_header(signed.sign(), {"alg": signed.algorithm, "crit": ["b64"], "b64": False}),
        _hmac(public),
    ]
    if signed.algorithm == "HS256":
        forged.pop()
    for token in forged:
        with pytest.raises(InvalidToken):
            signed.tokens.customer_of(token)


def _with_header(token: str, header: dict[str, Any]) -> str:
    return ".".join([_encoded(header), *token.split(".")[1:]])


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _hmac(key: bytes) -> str:
    """Signed as HS256 with the text of a public key, which everybody has."""
    head = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(CLAIMS)}"
    digest = hmac.digest(key, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_changed_anywhere_is_none(algorithm: str) -> None:
    signed = tokens_of(algorithm)
    token = signed.sign()

    @settings(max_examples=examples(200))
    @given(
        place=st.integers(0, len(token) - 1),
        put=st.text(
            st.sampled_from("ABCXYZabcxyz0189-_=.+/ \n\t!~é") | st.characters(codec="utf-8"),
            min_size=0,
            max_size=3,
        ),
        cut=st.integers(0, 3),
    )
    def tried(place: int, put: str, cut: int) -> None:
        mutated = token[:place] + put + token[place + cut :]
        if mutated != token:
            with pytest.raises(Unauthenticated):
                signed.tokens.customer_of(mutated)

    tried()
    for place, char in enumerate(token):
        for other in "AQgw_-":
            if other != char:
                with pytest.raises(Unauthenticated):
                    signed.tokens.customer_of(token[:place] + other + token[place + 1 :])


def test_no_error_repeats_the_token(signed: Signed) -> None:
    for token in (signed.sign(aud="x"), "canary" * 900, signed.sign()[:-2], signed.sign(exp=1)):
        with pytest.raises(Unauthenticated) as refused:
            signed.tokens.customer_of(token)
        assert not any(part and part in str(refused.value) for part in token.split("."))


def test_without_a_key_no_token_is_taken() -> None:
    tokens = JwtCustomerTokens([], audience="propensity", clock=ManualClock(NOW))
    with pytest.raises(InvalidToken, match="PROPENSITY_CUSTOMER_TOKEN_KEYS"):
        tokens.customer_of(tokens_of("HS256").sign())


def jwk(private: Any, kid: str | None, algorithm: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(algorithm.to_jwk(private.public_key()))
    return found | ({} if kid is None else {"kid": kid})


def test_a_jwks_holds_several_keys_and_the_token_names_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = [jwk(EC, "ec", ECAlgorithm), jwk(ED, "ed", OKPAlgorithm)]
    path.write_text(json.dumps({"keys": keys}))
    tokens = JwtCustomerTokens(public_keys(path), audience="propensity", clock=ManualClock(NOW))
    assert tokens.customer_of(jwt.encode(CLAIMS, EC, "ES256", {"kid": "ec"})) == "c-1"
    assert tokens.customer_of(jwt.encode(CLAIMS, ED, "EdDSA", {"kid": "ed"})) == "c-1"
    for headers in ({"kid": "ed"}, {"kid": "gone"}, {}):
        with pytest.raises(InvalidToken):
            tokens.customer_of(jwt.encode(CLAIMS, EC, "ES256", headers))


def test_while_secrets_are_rotated_tokens_of_each_are_taken() -> None:
    old, new = (f"{name} {SECRET}" for name in ("old", "new"))
    clock = ManualClock(NOW)
    both = JwtCustomerTokens(shared_secrets(new, old), audience="propensity", clock=clock)
    for secret in (old, new):
        assert both.customer_of(jwt.encode(CLAIMS, secret, "HS256")) == "c-1"
    with pytest.raises(InvalidToken):
        both.customer_of(jwt.encode(CLAIMS, SECRET, "HS256"))
    alone = JwtCustomerTokens(shared_secrets(new), audience="propensity", clock=clock)
    with pytest.raises(InvalidToken):
        alone.customer_of(jwt.encode(CLAIMS, old, "HS256"))
    with pytest.raises(Rejected):
        shared_secrets(new, "too short")


def test_a_file_that_holds_no_public_key_of_these_is_refused(tmp_path: Path) -> None:
    private: Callable[[Any], bytes] = lambda key: key.private_bytes(  # noqa: E731
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    files = {
        "private.pem": private(EC),
        "p384.pem": pem(generate_private_key(SECP384R1())),
        "private.json": json.dumps({"keys": [json.loads(ECAlgorithm.to_jwk(EC))]}).encode(),
        "oct.json": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).encode(),
        "none.json": b'{"keys": []}',
        "broken.json": b"{",
        "text": b"nothing",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in (*files, "missing"):
        with pytest.raises(Rejected, match=name):
            public_keys(tmp_path / name)
    with pytest.raises(Rejected, match="32 bytes"):
        shared_secrets("short")


def test_what_is_signed_for_trying_is_a_token(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    for name, private in (("ES256", EC), ("EdDSA", ED)):
        path = tmp_path / name
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        token = sign("c-1", secret=None, key=path, audience="propensity", ttl_s=60, clock=clock)
        assert tokens_of(name).tokens.customer_of(token) == "c-1"
    token = sign("c-1", secret=SECRET, key=None, audience="propensity", ttl_s=60, clock=clock)
    assert tokens_of("HS256").tokens.customer_of(token) == "c-1"
    with pytest.raises(Rejected, match="--key"):
        sign("c-1", secret=None, key=None, audience="propensity", ttl_s=60, clock=clock)
