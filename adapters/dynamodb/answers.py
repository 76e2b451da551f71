"""DynamoDB's answers, read as botocore reads them but for the lists of items: those in C.

botocore walks every value of every item in Python, which was half of an audience's CPU time.
"""

import zlib
from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec
from botocore.exceptions import HTTPClientError
from botocore.model import ListShape
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.session import Session

_ITEM_LIST = "ItemList"
"""botocore's name for the items of a Query, a Scan or one table of a BatchGetItem."""


class _Value(TypedDict, total=False):
    """One attribute's value, exactly as botocore models it."""

    S: str
    N: str
    B: bytes
    SS: list[str]
    NS: list[str]
    BS: list[bytes]
    M: "dict[str, _Value]"
    L: "list[_Value]"
    NULL: bool
    BOOL: bool


class FastParser(JSONParser):  # type: ignore[misc]  # botocore has no types
    """botocore's parser; errors and everything outside of a list of items are left to it.

    An answer that was damaged on its way is refused: without retries botocore looks at no
    checksum, and takes half an answer for one that lacks what is missing.
    """

    def _do_parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        _check_whole(response["body"], response["headers"].get("x-amz-crc32"))
        return super()._do_parse(response, shape)

    def _handle_list(self, shape: ListShape, node: Any) -> Any:
        if shape.name != _ITEM_LIST:
            return super()._handle_list(shape, node)
        try:
            return msgspec.convert(node, list[dict[str, _Value]])
        except msgspec.ValidationError:
            return super()._handle_list(shape, node)  # whatever it is, botocore decides


def _check_whole(body: bytes, checksum: str | None) -> None:
    """Returns when the body is what was sent: whole JSON, with the checksum it came with.

    Raises:
        HTTPClientError: it is not; asking again may help.
    """
    if checksum is not None and zlib.crc32(body) != int(checksum):
        raise HTTPClientError(error="the answer has another checksum than it came with")
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError as exc:
        raise HTTPClientError(error="the answer is not whole JSON") from exc


class _FastFactory(ResponseParserFactory):  # type: ignore[misc]  # as above
    """Makes the fast parser for DynamoDB's protocol, botocore's own for any other."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        if protocol_name != "json":
            return super().create_parser(protocol_name)
        return FastParser(**self._defaults)


def read_fast(session: Session) -> None:
    """Clients that the session makes from now on use the fast parser."""
    session.register_component("response_parser_factory", _FastFactory())
