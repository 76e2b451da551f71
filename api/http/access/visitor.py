"""Whom a decision is about: the customer of a signed token, or whom a server names."""

from collections.abc import Mapping

from api.http.access.caller import Caller, bearer_in, is_key
from domain.customers import CustomerTokens
from domain.errors import Forbidden, TokenExpired
from domain.prediction import Cause
from domain.purchases import customer_id_of


def visitor_of(
    caller: Caller, headers: Mapping[str, str], named: str | None, tokens: CustomerTokens
) -> str | Cause | None:
    """The customer's id; or why there is none: anonymous, or with an expired token.

    A page names nobody: its visitor is who the shop's server signed. A server may name anybody by
    `named`; None: it named nobody.

    Raises:
        InvalidToken: a token was sent that is none.
        Forbidden: the token is of somebody else than `named`.
        InvalidRequest: `named` is no customer id.
    """
    bearer = bearer_in(headers)
    if bearer is None or is_key(bearer):
        return Cause.ANONYMOUS if caller.is_browser else named
    try:
        customer_id = tokens.customer_of(bearer)
    except TokenExpired:
        return Cause.TOKEN_EXPIRED
    if named is not None and customer_id_of(named) != customer_id:
        raise Forbidden("the token is of another customer than targetingKey")
    return customer_id
