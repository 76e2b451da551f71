"""Decisions as columns of Parquet, to the bit, and back."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adapters.decision_log.pseudonyms import Pseudonyms
from domain.decision_log import Answer, LoggedDecision, Scored
from domain.errors import CorruptRecord
from domain.prediction import Arm

ROWS_AT_ONCE = 10_000
_FORMAT, _SOURCES, _DIGEST = b"propensity.decisions", b"propensity.sources", b"propensity.digest"
_NO_DIGEST = b"-" * 32
"""Stands where the digest of the whole file comes, and is digested in its place."""
_ROW_GROUP = 100_000
SCHEMA = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("as_of", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("route", pa.string(), nullable=False),
        ("customer", pa.string()),
        ("flag", pa.string()),
        ("variant", pa.string()),
        pa.field("acted", pa.bool_(), nullable=False),
        pa.field("held_out", pa.bool_(), nullable=False),
        ("model", pa.string()),
        ("version", pa.int32()),
        ("revision", pa.int32()),
        ("arm", pa.string()),
        ("horizon_days", pa.int32()),
        ("category", pa.string()),
        ("features", pa.map_(pa.string(), pa.float64())),
        ("probability", pa.float64()),
    ],
    metadata={_FORMAT: b"1"},
)
_FEW_VALUES = (
    "route flag variant model version revision arm horizon_days category features.key_value.key"
).split()
"""Columns whose values come often; the others are no shorter with a dictionary."""
PYARROW_ERRORS = (pa.ArrowException, OSError)
"""What pyarrow raises for a file that is damaged."""


def batch_of(answers: Sequence[Answer], pseudonyms: Pseudonyms) -> Any:
    """The answers as one batch of rows."""
    ids, instants, routes, customers, flags, variants, acted, held_out, made = zip(
        *answers, strict=True
    )
    models = [None if each is None else each.model for each in made]
    return pa.record_batch(
        [
            pa.array(ids, pa.string()),
            pa.array(instants, SCHEMA.field("as_of").type),
            pa.array(routes, pa.string()),
            pa.array(list(map(pseudonyms.seal, customers)), pa.string()),
            pa.array(flags, pa.string()),
            pa.array(variants, pa.string()),
            pa.array(acted, pa.bool_()),
            pa.array(held_out, pa.bool_()),
            pa.array([None if each is None else each.name for each in models], pa.string()),
            pa.array([None if each is None else each.version for each in models], pa.int32()),
            pa.array([None if each is None else each.revision for each in models], pa.int32()),
            pa.array([None if each is None else each.arm.value for each in models], pa.string()),
            pa.array([None if each is None else each.horizon_days for each in models], pa.int32()),
            pa.array([None if each is None else each.category for each in made], pa.string()),
            _maps([None if each is None else each.features for each in made]),
            pa.array([None if each is None else each.probability for each in made], pa.float64()),
        ],
        schema=SCHEMA,
    )


def _maps(rows: Sequence[Mapping[str, float] | None]) -> Any:
    """A map from names to numbers for each row, none for None."""
    known = [row for row in rows if row is not None]
    ends = np.cumsum([0 if row is None else len(row) for row in rows])
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    absent = np.array([row is None for row in rows] + [False])
    names = pa.array(list(chain.from_iterable(known)), pa.string())
    values = np.fromiter(
        chain.from_iterable(row.values() for row in known), np.float64, int(ends[-1])
    )
    found = pa.array(offsets, mask=absent) if absent.any() else pa.array(offsets)
    return pa.MapArray.from_arrays(found, names, pa.array(values))


def warm_up() -> None:
    """Loads what the first file would load."""
    maker = FileMaker()
    maker.add(pa.Table.from_batches([], SCHEMA))
    maker.content()
    pa.array([0.0])


class FileMaker:
    """Puts rows together to one file; rows come in large groups, however small they are added."""

    def __init__(self) -> None:
        self._stream = io.BytesIO()
        self._writer = pq.ParquetWriter(
            self._stream, SCHEMA, compression="zstd", use_dictionary=_FEW_VALUES
        )
        self._waiting: list[Any] = []

    def add(self, table: Any) -> None:
        """These rows follow."""
        self._waiting.append(table)
        if sum(map(len, self._waiting)) >= _ROW_GROUP:
            self._write()

    def content(self, sources: Sequence[tuple[str, int]] = ()) -> bytes:
        """The whole file; `sources` are names of files and how many rows come from each."""
        self._write()
        self._writer.add_key_value_metadata(
            {_SOURCES: json.dumps(sources).encode(), _DIGEST: _NO_DIGEST}
        )
        self._writer.close()
        content = self._stream.getvalue()
        digest = _digest(content, _NO_DIGEST)
        self._stream.seek(content.rfind(_NO_DIGEST))
        self._stream.write(digest)
        return self._stream.getvalue()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=_ROW_GROUP)
            self._waiting = []


class LogFile:
    """A file of the log, once its bytes are those that were written.

    Raises:
        CorruptRecord: it is none, or damaged; names it.
    """

    def __init__(self, key: str, content: bytes) -> None:
        self.key = key
        self.size_bytes = len(content)
        try:
            self._file = pq.ParquetFile(io.BytesIO(content))
            metadata = self._file.metadata.metadata or {}
            if metadata.get(_FORMAT) != b"1" or not self._file.schema_arrow.equals(SCHEMA):
                raise CorruptRecord(f"{key} has other columns than a file of decisions")
            self.sources = [
                (str(name), int(rows)) for name, rows in json.loads(metadata.get(_SOURCES, b"[]"))
            ]
            digest = metadata.get(_DIGEST, b"")
            if digest != _digest(content, digest):
                raise CorruptRecord(f"{key} is damaged: its bytes are not those that were written")
        except (*PYARROW_ERRORS, ValueError) as exc:
            raise CorruptRecord(f"{key} is no file of decisions: {_said(exc)}") from exc
        if self.sources and sum(rows for _, rows in self.sources) != self.rows:
            raise CorruptRecord(f"{key} has not the rows of the files that it names")

    @property
    def rows(self) -> int:
        """How many decisions it holds."""
        return int(self._file.metadata.num_rows)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Its rows in order, so many at a time.

        Raises:
            CorruptRecord: a page is damaged.
        """
        try:
            for batch in self._file.iter_batches(ROWS_AT_ONCE, columns=columns):
                yield pa.Table.from_batches([batch])
        except PYARROW_ERRORS as exc:
            raise CorruptRecord(f"{self.key} is damaged: {_said(exc)}") from exc


def _digest(content: bytes, written: bytes) -> bytes:
    """The hash of a whole file, its footer too; what is `written` in the place of the digest is none."""
    place, everything = content.rfind(written), memoryview(content)
    digest = hashlib.blake2b(everything[:place], digest_size=16)
    digest.update(_NO_DIGEST)
    digest.update(everything[place + len(written) :])
    return digest.hexdigest().encode()


def _said(exc: Exception) -> str:
    return str(exc).partition("\n")[0]


def decisions_in(table: Any, customers: Sequence[str | None]) -> list[LoggedDecision]:
    """The rows as decisions of these customers; of one that is None the features are left out."""
    rows = table.combine_chunks()
    plain = {name: rows[name].to_pylist() for name in SCHEMA.names if name not in _APART}
    instants = rows["as_of"].cast(pa.int64()).to_pylist()
    features = _features(rows["features"])
    arms = [None if each is None else Arm(each) for each in plain["arm"]]
    return [
        LoggedDecision(
            decision_id=plain["decision_id"][at],
            as_of=instants[at],
            route=plain["route"][at],
            customer_id=customer,
            flag=plain["flag"][at],
            variant=plain["variant"][at],
            acted=plain["acted"][at],
            held_out=plain["held_out"][at],
            scored=None
            if (arm := arms[at]) is None
            else Scored(
                model=plain["model"][at],
                version=plain["version"][at],
                revision=plain["revision"][at],
                arm=arm,
                horizon_days=plain["horizon_days"][at],
                category=plain["category"][at],
                features=() if customer is None else features[at],
                probability=plain["probability"][at],
            ),
        )
        for at, customer in enumerate(customers)
    ]


_APART = {"as_of", "customer", "features"}


def _features(column: Any) -> list[tuple[float, ...]]:
    """The numbers of each row in their order."""
    found: list[tuple[float, ...]] = []
    for chunk in column.chunks:
        offsets, values = chunk.offsets.to_pylist(), chunk.items.to_pylist()
        found += [tuple(values[start:end]) for start, end in pairwise(offsets)]
    return found


def without(table: Any, rows: Sequence[bool]) -> Any:
    """The table without customer and features of these rows."""
    kept = pa.array([None if gone else at for at, gone in enumerate(rows)], pa.int64())
    for name in ("customer", "features"):
        table = table.set_column(
            table.schema.get_field_index(name), SCHEMA.field(name), table[name].take(kept)
        )
    return table
