"""DynamoDB's answers, read as botocore reads them but for the lists of items: those in C.

botocore walks every value of every item in Python, which was half of an audience's CPU time.
"""

from typing import Any, TypedDict

import msgspec
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
    """botocore's parser; errors and everything outside of a list of items are left to it."""

    def _handle_list(self, shape: ListShape, node: Any) -> Any:
        if shape.name != _ITEM_LIST:
            return super()._handle_list(shape, node)
        try:
            return msgspec.convert(node, list[dict[str, _Value]])
        except msgspec.ValidationError:
            return super()._handle_list(shape, node)  # whatever it is, botocore decides


class _FastFactory(ResponseParserFactory):  # type: ignore[misc]  # as above
    """Makes the fast parser for DynamoDB's protocol, botocore's own for any other."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        if protocol_name != "json":
            return super().create_parser(protocol_name)
        return FastParser(**self._defaults)


def read_fast(session: Session) -> None:
    """Clients that the session makes from now on use the fast parser."""
    session.register_component("response_parser_factory", _FastFactory())
