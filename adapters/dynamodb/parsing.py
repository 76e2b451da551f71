"""Answers of DynamoDB without botocore's walk through every value of every item.

botocore visits each attribute value with its shape, which was half of the CPU time of a batch
read. Texts, numbers and sets of texts come over the wire in the very form that the walk returns,
and our tables hold nothing else; only binary values would differ.
"""

from typing import TYPE_CHECKING, Any

from botocore.parsers import JSONParser, ResponseParserFactory

if TYPE_CHECKING:
    from botocore.session import Session

_ATTRIBUTE_VALUE = "AttributeValue"


class ItemParser(JSONParser):  # type: ignore[misc]  # botocore is untyped here
    """botocore's parser, which leaves items as they came; all the rest is parsed as ever."""

    def _handle_map(self, shape: Any, value: Any) -> Any:
        if shape.value.name == _ATTRIBUTE_VALUE:
            return value
        return super()._handle_map(shape, value)


class ItemParserFactory(ResponseParserFactory):  # type: ignore[misc]  # and here
    """Makes these parsers for the protocol of DynamoDB."""

    def create_parser(self, protocol_name: str) -> Any:
        """A parser for one answer."""
        if protocol_name == "json":
            return ItemParser(**self._defaults)
        return super().create_parser(protocol_name)


def keep_items_as_they_come(session: "Session") -> None:
    """The clients that this session makes from now on parse their answers so."""
    session.register_component("response_parser_factory", ItemParserFactory())
