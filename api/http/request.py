"""The request as every route reads it: JSON goes through the one decoder of every door."""

from typing import Any

from litestar import Request
from litestar.types import Empty

from api.intake import decoded


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON may not give a name twice."""

    async def json(self) -> Any:
        """The JSON of the body.

        Raises:
            InvalidRequest: it is no JSON, or gives a name twice; says where.
        """
        if self._json is Empty:
            self._json = decoded(await self.body() or b"null")
        return self._json
