"""The request as every route reads it: JSON goes through the one decoder of every door."""

from collections.abc import AsyncGenerator
from typing import Any

from litestar import Request
from litestar.types import Empty

from api.http.encoding import DecodedBody, decoder_of
from api.intake import decoded


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON may not give a name twice, and whose body may arrive compressed."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces, decoded.

        Raises:
            HTTPException: it is encoded in a way that is not taken, or comes to too much.
            InvalidRequest: it is damaged.
        """
        if self._body is Empty and (decoder := decoder_of(self.scope)) is not None:
            self.receive = DecodedBody(self.receive, decoder).receive
        async for piece in super().stream():
            yield piece

    async def json(self) -> Any:
        """The JSON of the body.

        Raises:
            InvalidRequest: it is no JSON, or gives a name twice; says where.
        """
        if self._json is Empty:
            self._json = decoded(await self.body() or b"null")
        return self._json
