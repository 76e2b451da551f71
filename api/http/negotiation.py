"""Which of the media types on offer a request prefers. Source: RFC 9110, section 12.5.1."""

import re
from collections.abc import Sequence
from http import HTTPStatus

from litestar.exceptions import HTTPException

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


def negotiated(accept: Sequence[str], offered: Sequence[str]) -> str:
    """The type on offer that the Accept headers prefer; of equals the first, without any too.

    Raises:
        HTTPException: 406, none on offer is acceptable.
    """
    ranges = _ranges(",".join(accept) or "*/*")
    best = max(offered, key=lambda media_type: _quality(ranges, media_type))
    if not _quality(ranges, best):
        raise HTTPException(
            status_code=HTTPStatus.NOT_ACCEPTABLE,
            detail=f"served here are {', '.join(offered)}; the Accept header takes none of them",
        )
    return best


def _ranges(accept: str) -> dict[str, float]:
    """The quality of every media range; one whose quality cannot be read is left out."""
    found = {}
    for entry in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        if _QUALITY.fullmatch(quality):
            found[media_range] = float(quality)
    return found


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """What the most specific range that covers the type says."""
    main, _, _ = media_type.partition("/")
    return next((ranges[r] for r in (media_type, f"{main}/*", "*/*") if r in ranges), 0.0)
