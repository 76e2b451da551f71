"""Tokens as the shop's server signs them."""

import time

import jwt

from tests.api.conftest import TOKEN_SECRET


def token(customer: str, *, ends_in_s: int = 600) -> str:
    claims = {"sub": customer, "aud": "propensity", "exp": int(time.time()) + ends_in_s}
    return jwt.encode(claims, TOKEN_SECRET, "HS256")
