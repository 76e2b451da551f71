"""Where the registry keeps what, and what a model may be called."""

import re
from collections.abc import Iterable, Sequence

from domain.errors import InvalidRequest

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NUMBER = re.compile(r"(\d+)\.json")
_OBJECT = re.compile(r"models/([^/]+)/([^/]+)/\d+\.json")

MODELS = "models/"


def check_name(name: str) -> None:
    """Returns when `name` may name a model: it becomes part of keys, so case must not matter.

    Raises:
        InvalidRequest: it may not.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            "name", f"{name!r:.80} does not name a model: 1 to 63 of a-z, 0-9 and '-', no '-' first"
        )


def blob_key(sha256: str) -> str:
    """Where the blob with this content lies."""
    return f"blobs/sha256/{sha256}"


def versions_prefix(name: str) -> str:
    """Where a model's manifests lie."""
    return f"{MODELS}{name}/versions/"


def log_prefix(name: str) -> str:
    """Where a model's revisions lie."""
    return f"{MODELS}{name}/log/"


def statuses_prefix(name: str) -> str:
    """Where the processes that serve a model say so."""
    return f"serving/{name}/"


def asked_prefix(name: str) -> str:
    """Where the processes that serve a model say whom they were asked about; no model has this name."""
    return f"serving/_asked/{name}/"


def manifest_key(name: str, version: int) -> str:
    """Where the manifest of one version lies; names sort as numbers do."""
    return f"{versions_prefix(name)}{version:06d}.json"


def revision_key(name: str, number: int) -> str:
    """Where one revision lies; names sort as numbers do."""
    return f"{log_prefix(name)}{number:08d}.json"


def numbers(keys: Iterable[str]) -> Sequence[int]:
    """The numbers in the last part of these keys, ascending; 10 comes after 9.

    What is not named by a number was not put there by us and does not count.
    """
    matches = (_NUMBER.fullmatch(key.rpartition("/")[2]) for key in keys)
    return sorted(int(match[1]) for match in matches if match)


def model_of(key: str, *kinds: str) -> str | None:
    """The model of which `key` holds something of these kinds, `versions` or `log`, if it does."""
    found = _OBJECT.fullmatch(key)
    return found[1] if found and found[2] in kinds else None
