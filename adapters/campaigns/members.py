"""Members as columns of Parquet, to the bit, and back."""

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from domain.campaigns import CampaignArm, FrozenMember
from domain.errors import CorruptRecord

_ROWS_AT_ONCE = 10_000
_FORMAT = b"propensity.campaign"
SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("volume_before_minor", pa.int64(), nullable=False),
    ],
    metadata={_FORMAT: b"1"},
)


def encoded(members: Sequence[FrozenMember]) -> bytes:
    """The members as a Parquet file."""
    columns = {name: [getattr(member, name) for member in members] for name in SCHEMA.names}
    stream = io.BytesIO()
    pq.write_table(
        pa.table(columns, schema=SCHEMA),
        stream,
        compression="zstd",
        use_dictionary=["arm", "version"],
        write_page_checksum=True,
    )
    return stream.getvalue()


def decoded(key: str, content: bytes) -> Iterator[list[FrozenMember]]:
    """The members of a file in their order, in batches.

    Raises:
        CorruptRecord: it is none; names it.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        if not file.schema_arrow.equals(SCHEMA):
            raise CorruptRecord(f"{key} has other columns than members of a campaign")
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            yield [
                FrozenMember(customer, CampaignArm(arm), probability, version, volume)
                for customer, arm, probability, version, volume in rows
            ]
    except (pa.ArrowException, OSError, ValueError) as exc:
        reason = str(exc).partition("\n")[0]
        raise CorruptRecord(f"{key} is no file of members: {reason}") from exc
