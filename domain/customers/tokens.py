"""Customer tokens, as a port: who a visitor is, as the shop's server signed it."""

from typing import Protocol


class CustomerTokens(Protocol):
    """Tells the customer of a token that the shop's server signed for this deployment.

    Promises: a token counts from 60 s before its beginning until 60 s after its end. It has an end, at
    most 24 hours ahead. What signs is fixed here, never by the token. Changed anywhere, it is none.
    """

    def customer_of(self, token: str, /) -> str:
        """The customer's id.

        Raises:
            TokenExpired: it was valid, and is too old.
            InvalidToken: it is not a valid token for us; says why, without repeating it.
        """
        ...
