"""The parts of an audience in an object store: Parquet, named after what is in them."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from domain.audience import Member, Part, PartsManifest
from domain.errors import CorruptRecord, StoreUnavailable
from domain.prediction import Arm
from domain.values import instant
from model_registry.ports import ObjectStore

MANIFEST = "manifest.json"
_ROWS_AT_ONCE = 10_000
_COLUMNS = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        ("probability", pa.float64()),
        pa.field("arm", pa.string(), nullable=False),
    ]
)


class ObjectAudienceParts:
    """An `AudienceParts` below a prefix that no other audience has.

    A part's name is the SHA-256 of its bytes: what two processes write twice is there once.
    """

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store = store
        self.prefix = prefix

    def write(self, members: Sequence[Member], /) -> Part:
        """These members are kept from now on."""
        columns = {
            "customer_id": [member.customer_id for member in members],
            "probability": [member.probability for member in members],
            "arm": [member.arm for member in members],
        }
        stream = io.BytesIO()
        pq.write_table(pa.table(columns, schema=_COLUMNS), stream)
        content = stream.getvalue()
        part = Part(f"parts/{hashlib.sha256(content).hexdigest()}.parquet", len(members))
        self._store.put_if_absent(self.prefix + part.name, content)
        return part

    def read(self, part: Part, /) -> Iterator[Sequence[Member]]:
        """The members of the part in their order, in batches."""
        content = self._store.get(self.prefix + part.name)
        if part.name != f"parts/{hashlib.sha256(content).hexdigest()}.parquet":
            raise CorruptRecord(f"{self.prefix}{part.name} is not what was written there")
        for batch in pq.ParquetFile(io.BytesIO(content)).iter_batches(_ROWS_AT_ONCE):
            yield [
                Member(customer, probability, Arm(arm))
                for customer, probability, arm in zip(
                    *(column.to_pylist() for column in batch.columns), strict=True
                )
            ]

    def commit(self, manifest: PartsManifest, /) -> None:
        """These parts, all of them at once, are the audience."""
        content = json.dumps(_document(manifest), indent=1).encode()
        if not self._store.put_if_absent(self.prefix + MANIFEST, content):
            raise StoreUnavailable(f"{self.prefix}{MANIFEST} is there already", transient=False)


def _document(manifest: PartsManifest) -> dict[str, object]:
    query, summary = manifest.query, manifest.summary
    return {
        "format": 1,
        "category": query.category,
        "as_of": instant.render(query.as_of),
        "model": query.traffic.name,
        "versions": {arm: model.version for arm, model in query.traffic.answering.items()},
        "revision": query.traffic.champion.revision,
        "way": summary.way,
        "partial": summary.partial,
        "scored": summary.scored,
        "unread": summary.unread,
        "unlisted_shards": sorted(summary.unlisted),
        "expected_buyers": summary.expected_buyers,
        "parts": [
            {
                "shard": piece.position.shard,
                "after": piece.position.after,
                "rows": piece.part.rows,
                "name": piece.part.name,
            }
            for piece in manifest.pieces
        ],
    }
