"""JSON as people send it: NaN and infinities are read, so that they spoil one purchase, not all."""

import json

import msgspec

from domain.errors import InvalidRequest


def decoded(body: bytes | str) -> object:
    """What the JSON says; floats that JSON does not know are floats.

    Raises:
        InvalidRequest: it is no JSON; says where.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _leniently_decoded(body)


def _leniently_decoded(body: bytes | str) -> object:
    try:
        return json.loads(body if isinstance(body, str) else body.decode())
    except UnicodeDecodeError as exc:
        raise InvalidRequest("body", f"is not UTF-8 at byte {exc.start}") from exc
    except json.JSONDecodeError as exc:
        at = len(exc.doc[: exc.pos].encode("utf-8", "surrogatepass"))
        raise InvalidRequest("body", f"is not JSON: {exc.msg} at byte {at}") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("body", "holds a number too long or a list too deep") from exc
