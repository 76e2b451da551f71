"""AWS's descriptions of its services and endpoints, as botocore reads them from large JSON files."""

from functools import cache

from botocore.loaders import Loader, create_loader
from botocore.session import Session


def share_descriptions(session: Session) -> None:
    """The process reads and parses them once, not again for each session: that is most of a client."""
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))


@cache
def _loader(search_path: str | None) -> Loader:
    return create_loader(search_path)
