"""The request as every route reads it: JSON goes through the one decoder of every door."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException
from litestar.types import Empty

from api.http.encoding import DecodedBody, decoder_of
from api.intake import decoded
from domain.errors import InvalidRequest

MOST_FORM_BYTES = 64 * 1024
"""To take fields apart takes time that other requests wait for."""


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

    async def form(self) -> FormMultiDict:
        """The fields of a form, and its files.

        Raises:
            HTTPException: fields alone come to more than a form of ours has.
            InvalidRequest: it is no form, or in no encoding that is known.
        """
        if self.content_type[0] == RequestEncodingType.URL_ENCODED and (
            len(await self.body()) > MOST_FORM_BYTES
        ):
            raise HTTPException(
                status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                detail=f"fields of a form may come to {MOST_FORM_BYTES:,} bytes",
            )
        try:
            return await super().form()
        except (LookupError, UnicodeDecodeError) as exc:
            raise InvalidRequest("form", "is in an encoding that is not known; send UTF-8") from exc

    async def json(self) -> Any:
        """The JSON of the body.

        Raises:
            InvalidRequest: it is no JSON, or gives a name twice; says where.
        """
        if self._json is Empty:
            self._json = decoded(await self.body() or b"null")
        return self._json
