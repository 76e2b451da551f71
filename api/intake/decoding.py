"""JSON as people send it, decoded in one place, whichever door it comes through.

A name that is given twice is refused: readers disagree which value counts (RFC 8259, 4). NaN and
infinities are read, so that they spoil one purchase and not all. A byte order mark is skipped.
"""

import json
from collections import Counter

from domain.errors import InvalidRequest

_BOM = "\ufeff"
_MOST_NAME = 60


def decoded(body: bytes | str) -> object:
    """What the JSON says; floats that JSON does not know are floats.

    Raises:
        InvalidRequest: it is no JSON, or gives a name twice; says where.
    """
    try:
        text = body if isinstance(body, str) else body.decode()
        document: object = _DECODER.decode(text.removeprefix(_BOM))
    except UnicodeDecodeError as exc:
        raise InvalidRequest("body", f"is not UTF-8 at byte {exc.start}") from exc
    except json.JSONDecodeError as exc:
        at = len(exc.doc[: exc.pos].encode("utf-8", "surrogatepass"))
        raise InvalidRequest("body", f"is not JSON: {exc.msg} at byte {at}") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("body", "holds a number too long or a list too deep") from exc
    return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise InvalidRequest(twice[:_MOST_NAME], "is given twice")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
