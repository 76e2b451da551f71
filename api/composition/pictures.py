"""Pictures of a deployment."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from domain.errors import Rejected

if TYPE_CHECKING:
    from adapters.pictures import VegaDrawings


def open_pictures() -> "VegaDrawings":
    """What draws pictures; `close` ends its process.

    Raises:
        Rejected: the extra `console` is not installed.
    """
    if find_spec("vl_convert") is None:
        raise Rejected("pictures", "need the extra: pip install 'propensity[console]'")
    from adapters.pictures import VegaDrawings

    return VegaDrawings()
