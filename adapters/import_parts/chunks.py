"""Chunks in an object store, compressed and named after what is in them."""

import hashlib

import zstandard

from domain.errors import CorruptRecord, NotFound
from model_registry.ports import ObjectStore

PREFIX = "import/"
"""Where an import lies in its place: one place, one import."""


def keep(store: ObjectStore, content: bytes | bytearray) -> str:
    """The name of the chunk that holds this from now on; the same content is one chunk.

    Raises:
        StoreUnavailable: the store did not answer.
    """
    packed = zstandard.ZstdCompressor().compress(content)
    name = f"chunks/{hashlib.sha256(packed).hexdigest()}.zst"
    store.put_if_absent(PREFIX + name, packed)
    return name


def kept(store: ObjectStore, name: str) -> bytes:
    """The content of a chunk.

    Raises:
        StoreUnavailable: the store did not answer.
        CorruptRecord: what is stored is not what was kept.
    """
    try:
        packed = store.get(PREFIX + name)
    except NotFound as exc:
        raise CorruptRecord(f"{PREFIX}{name} is gone; {_WAY_OUT}") from exc
    if name != f"chunks/{hashlib.sha256(packed).hexdigest()}.zst":
        raise CorruptRecord(f"{PREFIX}{name} is not what was written there; {_WAY_OUT}")
    return zstandard.ZstdDecompressor().decompress(packed)


_WAY_OUT = "import again with another --parts"
