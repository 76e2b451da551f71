"""Rows as bytes: MessagePack, exact to the last digit, without a word of Python's own.

Most rows have text, numbers and decimals only. What else a file may hold is written as JSON, and
what JSON does not know as its text: no purchase is made of it, but a refusal quotes it.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from types import NoneType
from typing import Any, cast

from msgspec import DecodeError, Struct, ValidationError, msgpack

from domain.errors import CorruptRecord
from domain.purchases import Outcome, RawRow, RefusedRow, RowKind

_DECIMAL, _JSON, _JSON_FIELDS = 1, 2, 3
_MOST_NESTED = 100
_AS_THEY_ARE = frozenset({str, int, float, bool, NoneType})
_UNNAMED = RawRow(number=0, raw=None, progress=0).field
_ARRAY_32 = 0xDD
"""How a MessagePack array of any length begins: this, and the length. Source: its specification."""


class StoredRow(Struct, array_like=True, frozen=True):
    """A row in a chunk; the fields that may hold any text are of any type."""

    number: int
    kind: RowKind
    raw: Any
    problem: Any = None
    field: Any = None
    text: Any = None


class StoredRefusal(Struct, array_like=True, frozen=True):
    """A refused row in a chunk."""

    row: StoredRow
    outcome: Outcome
    field: Any
    reason: Any


@dataclass(frozen=True, slots=True)
class OnlyText:
    """Something that JSON does not know, of which its text is left."""

    text: str

    def __str__(self) -> str:
        return self.text


class Chunk:
    """Encoded rows that grow; together they are one MessagePack array."""

    def __init__(self) -> None:
        self.rows = 0
        self.content = bytearray(5)

    def add(self, encoded: bytes) -> None:
        """One row more."""
        self.content += encoded
        self.rows += 1

    def bytes(self) -> bytearray:
        """All rows so far."""
        struct.pack_into(">BI", self.content, 0, _ARRAY_32, self.rows)
        return self.content


def encoded_row(row: RawRow) -> bytes:
    """A row as it stands in a chunk."""
    try:
        return _ENCODER.encode(_stored(row))
    except (UnicodeEncodeError, OverflowError):
        return _ENCODER.encode(_stored_as_json(row))


def encoded_refusal(refused: RefusedRow) -> bytes:
    """A refused row as it stands in a chunk."""
    row, why = _stored_as_json(refused.row), (refused.field, refused.reason)
    return _ENCODER.encode(StoredRefusal(row, refused.outcome, *map(_json, why)))


def decoded_refusal(content: bytes) -> RefusedRow:
    """One refused row, as it was encoded."""
    return _refused_row(_decoded(content, _REFUSAL))


def rows_of(content: bytes, *, before: int) -> Iterator[RawRow]:
    """The rows of a chunk; their progress goes on from the number of rows before them.

    Raises:
        CorruptRecord: it is none.
    """
    return map(_raw_row, _decoded(content, _ROWS), count(before + 1))


def refusals_of(content: bytes) -> Iterator[RefusedRow]:
    """The refused rows of a chunk.

    Raises:
        CorruptRecord: it is none.
    """
    return map(_refused_row, _decoded(content, _REFUSALS))


def _raw_row(stored: StoredRow, progress: int = 0) -> RawRow:
    return RawRow(
        number=stored.number,
        raw=stored.raw,
        problem=stored.problem,
        field=_UNNAMED if stored.field is None else stored.field,
        text=stored.text,
        progress=progress,
        kind=stored.kind,
    )


def _refused_row(stored: StoredRefusal) -> RefusedRow:
    return RefusedRow(
        row=_raw_row(stored.row), outcome=stored.outcome, field=stored.field, reason=stored.reason
    )


def _stored(row: RawRow) -> StoredRow:
    if row.raw is None or (row.problem, row.field, row.text) != (None, _UNNAMED, None):
        return _stored_as_json(row)
    return StoredRow(row.number, row.kind, _fields(row.raw))


def _stored_as_json(row: RawRow) -> StoredRow:
    raw = None if row.raw is None else _json_fields(row.raw)
    problem, field, text = map(_json, (row.problem, row.field, row.text))
    return StoredRow(row.number, row.kind, raw, problem, field, text)


def _fields(raw: Mapping[str, object]) -> dict[str, object] | msgpack.Ext:
    fields: dict[str, object] = {}
    for name, value in raw.items():
        kind = type(value)
        if kind is Decimal:
            fields[name] = msgpack.Ext(_DECIMAL, str(value).encode())
        elif kind in _AS_THEY_ARE:
            fields[name] = value
        else:
            return _json_fields(raw)
    return fields


def _json_fields(raw: Mapping[str, object]) -> msgpack.Ext:
    fields = [(name, _text(value)) for name, value in raw.items()]
    return msgpack.Ext(_JSON_FIELDS, json.dumps(fields).encode())


def _json(value: object) -> msgpack.Ext:
    return msgpack.Ext(_JSON, _text(value).encode())


def _text(value: object) -> str:
    """The value as JSON, in ASCII: it may hold lone surrogates."""
    return json.dumps(_tagged(value, _MOST_NESTED))


def _tagged(value: object, levels: int) -> object:
    """The value as JSON that says what it was; an object is a list of pairs."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, Mapping | list | tuple) and not levels:
        return {"text": "something deeply nested"}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {"object": [[_tagged(name, 0), _tagged(it, levels - 1)] for name, it in pairs]}
    if isinstance(value, list | tuple):
        return [_tagged(each, levels - 1) for each in cast("list[object]", value)]
    return {"text": str(value)}


def _untagged(value: Any) -> object:
    if isinstance(value, list):
        return [_untagged(each) for each in value]
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    if tag == "decimal":
        return Decimal(content)
    if tag == "object":
        return {_untagged(name): _untagged(each) for name, each in content}
    return OnlyText(content)


def _extension(code: int, content: memoryview) -> object:
    text = bytes(content).decode()
    if code == _DECIMAL:
        return Decimal(text)
    found = json.loads(text)
    if code == _JSON_FIELDS:
        return {name: _untagged(json.loads(value)) for name, value in found}
    return _untagged(found)


_ENCODER = msgpack.Encoder()
_ROWS = msgpack.Decoder(list[StoredRow], ext_hook=_extension)
_REFUSAL = msgpack.Decoder(StoredRefusal, ext_hook=_extension)
_REFUSALS = msgpack.Decoder(list[StoredRefusal], ext_hook=_extension)


def _decoded(content: bytes, decoder: Any) -> Any:
    try:
        return decoder.decode(content)
    except (DecodeError, ValidationError, ValueError, ArithmeticError) as exc:
        raise CorruptRecord(f"a chunk of rows cannot be read: {exc}") from exc
