"""What botocore takes for an answer of DynamoDB: nothing that was damaged on its way."""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.exceptions import HTTPClientError
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.session import Session

CHECKSUM = "x-amz-crc32"


class CheckingParser(JSONParser):  # type: ignore[misc]  # botocore has no types
    """botocore's parser, which refuses damaged answers.

    Without retries botocore looks at no checksum, and takes half an answer for one that lacks
    what is missing.
    """

    def _do_parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        document_of(response["body"], response["headers"].get(CHECKSUM))
        return super()._do_parse(response, shape)


def document_of(body: bytes, checksum: str | None) -> dict[str, Any]:
    """The answer's JSON, once it is what was sent: whole, with the checksum it came with.

    Raises:
        HTTPClientError: it is not; asking again may help.
    """
    if checksum is not None and zlib.crc32(body) != int(checksum):
        raise HTTPClientError(error="the answer has another checksum than it came with")
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as exc:
        raise HTTPClientError(error="the answer is not a whole JSON object") from exc


class _CheckingFactory(ResponseParserFactory):  # type: ignore[misc]  # as above
    """Makes the checking parser for DynamoDB's protocol, botocore's own for any other."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        if protocol_name != "json":
            return super().create_parser(protocol_name)
        return CheckingParser(**self._defaults)


def check_answers(session: Session) -> None:
    """Clients that the session makes from now on refuse damaged answers."""
    session.register_component("response_parser_factory", _CheckingFactory())
